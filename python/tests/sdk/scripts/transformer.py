"""Hugging Face's Trainer on a tiny model, with dropout and shuffling."""

import longhaul  # isort: skip
import tempfile

import torch
import transformers


class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1))

    def forward(self, x, labels):
        logits = self.layers(x)[:, 0]
        return {"loss": torch.nn.functional.binary_cross_entropy_with_logits(logits, labels), "logits": logits}

    def save_pretrained(self, folder):
        folder.mkdir()
        torch.save(self.state_dict(), folder / "weights.pt")


class Points(torch.utils.data.Dataset):
    def __init__(self, seed, rows):
        generator = torch.Generator().manual_seed(seed)
        self.x = torch.randn(rows, 2, generator=generator)
        self.y = (self.x[:, 0] > self.x[:, 1]).float()

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return {"x": self.x[index], "labels": self.y[index]}


if __name__ == "__main__":
    with longhaul.trial(defaults={"lr": 0.01}) as trial:
        torch.set_num_threads(1)
        arguments = transformers.TrainingArguments(
            tempfile.mkdtemp(),
            num_train_epochs=3,
            per_device_train_batch_size=32,
            learning_rate=trial.parameters["lr"],
            seed=trial.seed,
            eval_strategy="epoch",
            save_strategy="no",
            save_total_limit=1,
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
        )
        torch.manual_seed(trial.seed)
        model = trial.keep(model=Tiny())
        trainer = transformers.Trainer(model, arguments, train_dataset=Points(0, 400), eval_dataset=Points(1, 100))
        longhaul.transformers.train(trial, trainer, metrics=lambda found: {"validation_ndcg_at_10": -found["eval_loss"]})
