"""PyTorch on several ranks: DistributedDataParallel over gloo, workers that load data, dropout of each rank's own."""

import os

import longhaul  # isort: skip
import numpy as np
import torch
import torch.distributed as dist


def made(seed, rows):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 2)).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy((x[:, 0] * 2 - x[:, 1] + rng.normal(size=rows) > 0).astype(np.float32))


if __name__ == "__main__":
    with longhaul.trial(defaults={"lr": 0.01}) as trial:
        torch.set_num_threads(trial.threads)
        dist.init_process_group("gloo")
        torch.manual_seed(trial.seed)
        validation, labels = made(1, 200)
        data = torch.utils.data.TensorDataset(*made(0, 720))
        sampler = torch.utils.data.DistributedSampler(data, seed=trial.seed)
        loader = torch.utils.data.DataLoader(data, batch_size=30, sampler=sampler, num_workers=1)
        model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.1), torch.nn.Linear(8, 1))
        parallel = torch.nn.parallel.DistributedDataParallel(model)
        optimizer = torch.optim.AdamW(model.parameters(), trial.parameters["lr"])
        trial.keep(model=model, optimizer=optimizer)
        if trial.steps == 0:
            torch.manual_seed(trial.seed + trial.rank)
        for epoch in trial.epochs():
            sampler.set_epoch(epoch)
            for x, y in trial.batches(loader):
                if trial.attempt == 1 and trial.steps == int(os.environ.get("GANG_AT_STEP", "-1")):
                    os.kill(os.getpid(), int(os.environ["GANG_SIGNAL"]))
                loss = torch.nn.functional.binary_cross_entropy_with_logits(parallel(x)[:, 0], y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                trial.step(samples=len(y), loss=loss)
            model.eval()
            with torch.no_grad():
                score = float(((model(validation)[:, 0] > 0) == (labels > 0)).float().mean())
            model.train()
            trial.validation({"validation_ndcg_at_10": score}, model=longhaul.torch.save(model))
