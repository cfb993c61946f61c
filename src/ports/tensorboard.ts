/** One a pipeline and home: it shows all trials of all its searches. */
export interface TensorboardPlace {
  readonly pipeline: string;
  /** `homeOfStorage`: teams have pipelines of one name. Absent: asked for by a run that began before there were homes. */
  readonly home?: string | undefined;
}

/** What a TensorBoard is to show, and where it is found. */
export interface TensorboardSpec extends TensorboardPlace {
  /** `gs://…` or `file:///…`, everything below it. */
  readonly logdir: string;
}

export interface Tensorboards {
  /** Starts it, or finds the one that runs; returns its URL. @throws AdapterError */
  start(spec: TensorboardSpec): Promise<string>;
  /** Ends it; no error when there is none. */
  stop(place: TensorboardPlace): Promise<void>;
}
