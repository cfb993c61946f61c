/** Whether a person is among those named: e-mail addresses are written in either case. */
export const isOneOf = (persons: readonly string[], person: string): boolean =>
  persons.some((each) => each.toLowerCase() === person.toLowerCase());
