"""TensorFlow on several ranks: MultiWorkerMirroredStrategy finds the others by TF_CONFIG, which the trial has set."""

import os

import longhaul  # isort: skip

with longhaul.trial(defaults={"lr": 0.05}) as trial:
    import numpy as np
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    tf.random.set_seed(trial.seed)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 2)).astype(np.float32)
    y = (x[:, 0] * 2 - x[:, 1] > 0).astype(np.float32)
    own = slice(trial.rank, None, trial.world)
    with strategy.scope():
        model = tf.Module()
        model.weights, model.bias = tf.Variable([[0.1], [0.2]]), tf.Variable([0.0])
    trial.keep(model=model)

    @tf.function
    def step(x, y):
        def on_replica(x, y):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(y, (x @ model.weights + model.bias)[:, 0]))
            gradients = tape.gradient(loss, model.trainable_variables)
            summed = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
            for variable, gradient in zip(model.trainable_variables, summed, strict=True):
                variable.assign_sub(trial.parameters["lr"] * gradient)
            return loss

        return strategy.run(on_replica, args=(x, y))

    for _ in trial.epochs():
        for number in trial.batches(range(10)):
            if trial.attempt == 1 and trial.steps == int(os.environ.get("GANG_AT_STEP", "-1")):
                os.kill(os.getpid(), int(os.environ["GANG_SIGNAL"]))
            rows = slice(number * 12, (number + 1) * 12)
            loss = step(tf.constant(x[own][rows]), tf.constant(y[own][rows]))
            trial.step(samples=12, loss=loss)
        score = float(np.mean(((x @ model.weights.numpy() + model.bias.numpy())[:, 0] > 0) == (y > 0)))
        trial.validation({"validation_ndcg_at_10": score})
