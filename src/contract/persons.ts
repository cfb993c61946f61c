/** How people are told apart wherever they are named. Pure. */

/** Alike for all spellings of one person. Latin letters only: others have a small one that is somebody else's, as the Kelvin sign has k. */
export const personKey = (name: string): string => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** Whether a person is among those named. */
export const isOneOf = (persons: readonly string[], person: string): boolean =>
  persons.some((each) => personKey(each) === personKey(person));

/** Whether somebody with these verified names is among those named: addresses in either case, subjects of a provider as they are. */
export const isNamed = (persons: readonly string[], names: readonly string[]): boolean =>
  persons.some((person) => names.some((name) => name === person || (name.includes('@') && personKey(name) === personKey(person))));
