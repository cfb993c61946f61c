"""PyTorch: a small network that ranks the candidates of a session."""

import longhaul  # first, so that SIGTERM is answered while PyTorch is imported
import torch

with longhaul.trial(defaults={"lr": 0.003, "hidden": 64, "dropout": 0.1}) as trial:
    torch.set_num_threads(trial.threads)
    torch.manual_seed(trial.seed)
    train, validation = trial.data("train"), trial.data("validation").numpy()
    model = torch.nn.Sequential(
        torch.nn.Linear(validation.x.shape[1], trial.parameters["hidden"]),
        torch.nn.ReLU(),
        torch.nn.Dropout(trial.parameters["dropout"]),
        torch.nn.Linear(trial.parameters["hidden"], 1),
    )
    optimizer = torch.optim.AdamW(model.parameters(), trial.parameters["lr"])
    trial.keep(model=model, optimizer=optimizer)
    for _ in trial.epochs():
        model.train()
        for x, y in trial.batches(train.torch(batch_size=32)):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(x)[:, 0], y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            trial.step(samples=len(y), loss=loss)
        model.eval()
        with torch.no_grad():
            scores = model(torch.from_numpy(validation.x))[:, 0].numpy()
        saved = longhaul.torch.save(model, example=torch.from_numpy(validation.x[:2]))
        trial.validation(longhaul.metrics.ranking(scores, validation), model=saved)
