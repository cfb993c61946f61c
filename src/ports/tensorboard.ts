/** What a TensorBoard is to show, and where it is found. One a pipeline: it shows all trials of all its searches. */
export interface TensorboardSpec {
  readonly pipeline: string;
  /** `gs://…` or `file:///…`, everything below it. */
  readonly logdir: string;
}

export interface Tensorboards {
  /** Starts it, or finds the one that runs; returns its URL. @throws AdapterError */
  start(spec: TensorboardSpec): Promise<string>;
  /** Ends it; no error when there is none. */
  stop(pipeline: string): Promise<void>;
}
