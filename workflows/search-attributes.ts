/** The search attributes of `SEARCH_ATTRIBUTES` as typed keys. */
import { defineSearchAttributeKey } from '@temporalio/common';

export const ATTRIBUTE_KEYS = {
  pipeline: defineSearchAttributeKey('Pipeline', 'KEYWORD'),
  run: defineSearchAttributeKey('Run', 'KEYWORD'),
  step: defineSearchAttributeKey('Step', 'KEYWORD_LIST'),
  status: defineSearchAttributeKey('RunStatus', 'KEYWORD'),
  bestObjective: defineSearchAttributeKey('BestObjective', 'DOUBLE'),
};
