"""Lightning's Trainer on a tiny module: dropout, shuffling, a schedule by steps, sums over epochs, validations within epochs."""

import longhaul  # isort: skip
import os
import signal

import lightning.pytorch as pl
import torch
import torchmetrics
from torch.utils.data import DataLoader, TensorDataset

#: In the middle of this step, or behind the validation after it, it is asked to end.
STOP_AT, STOP_BEHIND = int(os.environ.get("STOP_AT", "0")), int(os.environ.get("STOP_BEHIND", "-1"))


class Tiny(pl.LightningModule):
    def __init__(self, lr):
        super().__init__()
        self.lr = lr
        self.layers = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1))
        self.hits = torchmetrics.MeanMetric()

    def loss(self, batch):
        x, y = batch
        return torch.nn.functional.binary_cross_entropy_with_logits(self.layers(x)[:, 0], y)

    def training_step(self, batch, index):
        if self.trainer.global_step + 1 == STOP_AT:
            os.kill(os.getpid(), signal.SIGTERM)
        loss = self.loss(batch)
        self.hits(loss.detach())
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        self.log("train_mean", self.hits, on_step=False, on_epoch=True)
        return loss

    def on_train_epoch_end(self):
        logged = self.trainer.callback_metrics
        with torch.no_grad():  # the sums of the epoch reach the weights, so that a wrong one shows
            self.layers[2].bias += 1e-3 * (logged["train_loss"] + 2 * logged["train_mean"])

    def validation_step(self, batch, index):
        self.log("val_loss", self.loss(batch))

    def on_validation_end(self):
        if self.trainer.global_step == STOP_BEHIND:
            os.kill(os.getpid(), signal.SIGTERM)

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), self.lr)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.lr, total_steps=39)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def points(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 2, generator=generator)
    return TensorDataset(x, (x[:, 0] > x[:, 1]).float())


if __name__ == "__main__":
    with longhaul.trial(defaults={"lr": 0.01}) as trial:
        torch.set_num_threads(1)
        torch.manual_seed(trial.seed)
        model = trial.keep(model=Tiny(trial.parameters["lr"]))
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=3,
            val_check_interval=5,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            logger=False,
        )
        train, held_out = DataLoader(points(0, 400), batch_size=32, shuffle=True), DataLoader(points(1, 100), batch_size=50)
        longhaul.lightning.fit(trial, trainer, model, train, held_out, metrics=lambda found: {"validation_ndcg_at_10": -found["val_loss"]})
