"""The words in which a photo is asked about: checked at the door, and the same after a journey."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nfnet.photo import Answer, Occlusion, Perturbation, Prediction, Question
from nfnet.run import UserError


def there_and_back(values: dict) -> dict:
    return json.loads(json.dumps(values, allow_nan=False))


@pytest.mark.parametrize(
    "question",
    [
        Question(),
        Question("nfnet_f6", heat_map=True, top=1),
        Question(perturbation=Perturbation(2, -90, 0.5, 0.2), occlusion=Occlusion(0.1, 1.0, 0.3)),
    ],
)
def test_a_question_survives_json(question: Question) -> None:
    assert Question.from_json(there_and_back(question.to_json())) == question


def test_an_answer_survives_json() -> None:
    predictions = (Prediction(1, "goldfish", 0.9, "n01443537"), Prediction(0, "tench", 0.1, ""))
    answer = Answer("nfnet_f0", predictions, 0.2, 12 * 10**9, 256, b"\xff\xd8\0", [[0.0, 1.0]], 0.3)
    assert Answer.from_json(there_and_back(answer.to_json())) == answer
    with pytest.raises(UserError, match="damaged"):
        Answer.from_json({**answer.to_json(), "seen": "%%%"})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Question("nfnet_f9"), "unknown model 'nfnet_f9'; choose from"),
        (lambda: Question(top=0), "top must be a whole number from 1 to 1000, not 0"),
        (lambda: Question(top=True), "top must be"),
        (lambda: Question(heat_map=1), "heat_map must be true or false"),
        (lambda: Question(perturbation={}), "perturbation must be"),
        (lambda: Question(occlusion=(0, 0)), "occlusion must be"),
        (lambda: Perturbation(brightness=0.1), "brightness must be a number from 0.2 to 3"),
        (lambda: Perturbation(rotation=float("nan")), "rotation must be a number"),
        (lambda: Perturbation(noise="much"), "noise must be a number from 0 to 0.5"),
        (lambda: Perturbation(crop=True), "crop must be a number"),
        (lambda: Occlusion(1.5, 0.5), "x must be a number from 0 to 1"),
        (lambda: Question.from_json({"modell": "nfnet_f0"}), "unknown setting 'modell'"),
        (lambda: Question.from_json([]), "expected the fields of a Question"),
        (lambda: Question.from_json({"perturbation": None}), "expected the fields of a Pert"),
        (lambda: Question.from_json({"occlusion": {"x": 0.5}}), "y is missing"),
    ],
)
def test_bad_values_are_a_sentence(make, words: str) -> None:
    with pytest.raises(UserError) as refusal:
        make()
    assert words in str(refusal.value) and "\n" not in str(refusal.value)


def test_the_app_can_speak_them_without_torch() -> None:
    code = "import nfnet.photo, sys; sys.exit('torch' in sys.modules or 'PIL' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0
