"""From slides/NN-slug.md (see FORMAT.md) to Slide objects, and from those to the screen."""
