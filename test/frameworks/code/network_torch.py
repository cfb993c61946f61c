"""PyTorch."""

import longhaul  # isort: skip
import torch
from ranks import average_rank

with longhaul.trial() as trial:
    torch.set_num_threads(trial.threads)
    torch.manual_seed(trial.seed)
    train, validation = trial.data("train"), trial.data("validation").numpy()
    model = torch.nn.Sequential(torch.nn.Linear(validation.x.shape[1], 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    trial.keep(model=model, optimizer=optimizer)
    for _ in trial.epochs():
        for x, y in trial.batches(train.torch(batch_size=64)):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(x)[:, 0], y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            trial.step(samples=len(y))
        with torch.no_grad():
            scores = average_rank(model(torch.from_numpy(validation.x)).numpy(), validation)
        trial.validation(scores, model=longhaul.torch.save(model, example=torch.from_numpy(validation.x[:2])))
