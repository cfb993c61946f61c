from __future__ import annotations

from typing import Any

from longhaul_trainer.model_card import card_text


def text_of(params: dict[str, Any]) -> str:
    return card_text(
        {
            "trial": "t",
            "export": "1",
            "step": 3,
            "samples": 30,
            "seed": 0,
            "commit": None,
            "trainer": "x",
            "metrics": {"loss": 0.5},
            "features": [],
            "data": {"train": {"uri": "file:///d", "rows": 3, "sha256": "0123456789abcdef"}},
            "parameters": {"alpha": 1},
            "params": params,
        }
    )


def test_it_names_the_params_that_chose_the_data() -> None:
    assert "The search chose these data: weeks 8, hot True." in text_of({"weeks": 8, "hot": True})


def test_it_says_nothing_of_them_where_there_are_none() -> None:
    text = text_of({})
    assert "chose" not in text
    assert "\n\n\n" not in text
