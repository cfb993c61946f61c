"""PyTorch: a DataLoader that shuffles and has workers, dropout, AdamW and a scheduler."""

import longhaul  # isort: skip
import torch
from ranking import COLUMNS, ndcg

if __name__ == "__main__":
    with longhaul.trial(defaults={"lr": 0.01}) as trial:
        torch.set_num_threads(trial.threads)
        torch.manual_seed(trial.seed)
        train, validation = (trial.data(name).numpy(columns=COLUMNS, label="label") for name in ("train", "validation"))
        data = torch.utils.data.TensorDataset(torch.from_numpy(train.x), torch.from_numpy(train.y))
        loader = torch.utils.data.DataLoader(data, batch_size=100, shuffle=True, num_workers=1)
        model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(8, 1))
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
                score = ndcg(model(torch.from_numpy(validation.x))[:, 0].numpy(), validation)
            trial.validation({"validation_ndcg_at_10": score}, model=longhaul.torch.save(model))
