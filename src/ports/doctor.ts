/** One question that `longhaul doctor` asks for real, and its answer. */
export interface DoctorCheck {
  /** What was asked, e.g. `bucket gs://models: storage.objects.create`. */
  readonly name: string;
  readonly ok: boolean;
  /** It could not be found out, which is no fault by itself: `ok` is true. */
  readonly unsure?: true;
  /** What was found, in words. */
  readonly detail: string;
  /** The command that fixes it, ready to paste. */
  readonly remedy?: string;
}
