"""PyTorch: a DataLoader that shuffles and has workers, dropout, AdamW and a scheduler. Needs no pyarrow, as Debian has none."""

import longhaul  # isort: skip
import numpy as np
import torch


def made(seed, rows):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 2)).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy((x[:, 0] * 2 - x[:, 1] + rng.normal(size=rows) > 0).astype(np.float32))


if __name__ == "__main__":
    with longhaul.trial(defaults={"lr": 0.01}) as trial:
        torch.set_num_threads(trial.threads)
        torch.manual_seed(trial.seed)
        validation, labels = made(1, 200)
        data = torch.utils.data.TensorDataset(*made(0, 1000))
        loader = torch.utils.data.DataLoader(data, batch_size=70, shuffle=True, num_workers=1)
        model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.1), torch.nn.Linear(8, 1))
        optimizer = torch.optim.AdamW(model.parameters(), trial.parameters["lr"])
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.99)
        trial.keep(model=model, optimizer=optimizer, scheduler=scheduler)
        for _ in trial.epochs():
            model.train()
            for x, y in trial.batches(loader):
                loss = torch.nn.functional.binary_cross_entropy_with_logits(model(x)[:, 0], y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                trial.step(samples=len(y), loss=loss)
                scheduler.step()
            model.eval()
            with torch.no_grad():
                score = float(((model(validation)[:, 0] > 0) == (labels > 0)).float().mean())
            trial.validation({"validation_ndcg_at_10": score}, model=longhaul.torch.save(model))
