"""The lecture as a Streamlit app. No module of this package imports torch: workers compute."""
