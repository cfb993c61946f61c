/** What the pods of one Job say together: an attempt on several machines begins when all run, and ends as the one that ended first. Pure. */
import type { V1Pod } from '@kubernetes/client-node';
import type { NodeEnd } from '../../contract/jobs.ts';
import { GRACES } from '../../rules/durations.ts';
import { SIGTERM_EXIT } from '../../rules/attempt-ends.ts';
import { firstEnd, isPlain } from '../../rules/gang-ends.ts';
import { finished, observe } from './job-observation.ts';
import type { LogSource, Observation } from './job-observation.ts';
import type { Snapshot } from './jobs-view.ts';
import { BY_KUBELET, disruptionOf, unknownEnd } from './pod-end.ts';
import type { End } from './pod-end.ts';
import { deletionAskedAt, endOfMain, hasStarted, isTerminal, startOf, time, wasAsked } from './pod-parts.ts';

const SKEW_MS = GRACES.clockSkewSeconds * 1000;
/** Which of several waits is told: what no patience helps first, a queue last. */
const URGENCY = ['none', 'capacity', 'recovery', 'starting', 'queue'] as const;

interface Member {
  readonly rank: number;
  readonly snapshot: Snapshot;
  readonly seen: Observation;
}
type Over = Extract<Observation, { kind: 'ended' | 'ending' }>;
interface Failure {
  readonly member: Member;
  readonly end: End;
  readonly log: LogSource;
}

/** @param snapshots of each rank; one alone is a Job of one pod */
export function observeJob(snapshots: readonly Snapshot[], now: number): Observation {
  const [first] = snapshots;
  if (first === undefined) return { kind: 'absent' };
  if (snapshots.length === 1) return observe(first, now);
  const members = snapshots.map((snapshot, rank): Member => ({ rank, snapshot, seen: observe(snapshot, now) }));
  if (members.every(({ seen }) => seen.kind === 'absent')) return { kind: 'absent' };
  const failures = failuresOf(members, now);
  const seen = failures.length > 0 ? failed(members, failures, now) : together(members);
  if (seen.kind !== 'running' && seen.kind !== 'ending') return seen;
  const going = goingOf(members, now);
  return going === null ? seen : { ...seen, going };
}

/** Null: none of its machines is to go, or one has ended otherwise than by that. */
function goingOf(members: readonly Member[], now: number): Pick<Over, 'end' | 'log'> | null {
  const victim = members.find(({ snapshot }) => snapshot.pod && disruptionOf(snapshot, snapshot.pod) !== null);
  const fits = ({ seen }: Member): boolean => seen.kind === 'running' || (isOver(seen) && seen.end.exitCode === SIGTERM_EXIT);
  if (!victim?.snapshot.pod || !members.every(fits)) return null;
  const { snapshot, seen } = victim;
  const known = isOver(seen)
    ? seen.end
    : unknownEnd(snapshot, victim.snapshot.pod, 'it saved, and its machines have not told of their end', now);
  return { end: { ...known, startedAt: earliestStart(members), lingering: 'job', nodes: nodesOf(members) }, log: { text: '' } };
}

/**
 * Names of pods that are to hear what only one of them was told: it is to go, and its Job ends with it. So each saves with the others while all
 * have their grace, whatever its trainer tells its peers, and its kubelet looks for its end, where one that ends by itself is found a second later.
 */
export function podsToAskToEnd(snapshots: readonly Snapshot[]): readonly string[] {
  if (snapshots.length === 1) return [];
  const pods = snapshots.flatMap(({ pod, podGone }) => (pod && !podGone ? [pod] : []));
  // A rank that is done has nothing to go on with: its pod may be cleared away, by a drain for example, while others still train.
  const isToGo = (pod: V1Pod): boolean => pod.metadata?.deletionTimestamp !== undefined && endOfMain(pod)?.exitCode !== 0 && !wasAsked(pod);
  if (!pods.some(isToGo)) return [];
  const runs = (pod: V1Pod): boolean => hasStarted(pod) && !isTerminal(pod) && endOfMain(pod) === undefined;
  const mayGo = (pod: V1Pod): boolean => runs(pod) && pod.metadata?.deletionTimestamp === undefined && !wasAsked(pod);
  return pods.flatMap((pod) => (mayGo(pod) ? (pod.metadata?.name ?? []) : []));
}

/** No rank has failed. @param count of all ranks, also of those that are not looked at */
function together(members: readonly Member[], count = members.length): Observation {
  const waiting = members.flatMap(({ seen }) => (seen.kind === 'waiting' ? [seen] : []));
  const [most] = [...waiting].sort((a, b) => URGENCY.indexOf(a.wait.patience) - URGENCY.indexOf(b.wait.patience));
  if (most) {
    const message = `${waiting.length} of ${count} pods wait${most.status.message === null ? '' : `: ${most.status.message}`}`;
    // It is placed when the last one is.
    const node = waiting.some(({ status }) => status.node === null) ? null : most.status.node;
    return { ...most, status: { ...most.status, message, node, startedAt: null }, nodes: nodesOf(members) };
  }
  const running = members.find(({ seen }) => seen.kind === 'running');
  const startedAt = earliestStart(members);
  if (running?.seen.kind === 'running') return { kind: 'running', status: { ...running.seen.status, startedAt } };
  const overs = members.flatMap(({ seen }) => (isOver(seen) ? [seen] : []));
  const [first] = overs;
  if (!first) return { kind: 'absent' };
  const endedAt = Math.max(...overs.map(({ end }) => end.endedAt));
  const lingering = overs.some(({ end }) => end.lingering !== null) ? 'rest' : null;
  const end: End = { ...askedByPerson(first.end, members), startedAt, endedAt, lingering, nodes: nodesOf(members) };
  return settled({ end, log: first.log }, settleOf(overs), members);
}

function failed(members: readonly Member[], failures: readonly Failure[], now: number): Observation {
  const disrupted = disruptedOf(members, failures, now);
  // Whom we asked to end because of another one is no cause.
  const unasked = failures.filter(({ member: { snapshot } }) => !(snapshot.pod && wasAsked(snapshot.pod)));
  const causes = unasked.length > 0 ? unasked : failures;
  const cause = disrupted ?? causes[firstEnd(causes.map(({ end }) => end))] ?? causes[0];
  if (!cause) return together(members);
  const open = members.filter(({ seen }) => !isOver(seen));
  const unplaced = open.filter(
    ({ seen }) => seen.kind === 'waiting' && (seen.wait.patience === 'capacity' || seen.wait.patience === 'queue'),
  );
  const running = open.filter(({ seen }) => seen.kind === 'running');
  const overs = members.flatMap(({ seen }) => (isOver(seen) ? [seen] : []));
  const lingering =
    open.length > 0 || cause.end.lingering === 'job' ? 'job' : overs.some(({ end }) => end.lingering !== null) ? 'rest' : null;
  const startedAt = earliestStart(members);
  const end: End = { ...askedByPerson(cause.end, members), startedAt, lingering, nodes: nodesOf(members) };
  const sure = end.nodeLost || end.disruption !== null;
  if (unplaced.length > 0 && isPlain(end)) return incomplete(unplaced, members.length, end, cause, now);
  if (end.nodeLost || running.length === 0) {
    const own = cause.member.seen;
    const ownSettle = own.kind === 'ending' && end.nodeLost ? own.settleSeconds : null;
    return settled({ end, log: cause.log }, sure ? ownSettle : settleOf(overs), members);
  }
  // The others are ended by the Job controller, with their grace, in which they may commit what they have.
  const grace = Math.max(...running.map(({ snapshot }) => snapshot.pod?.spec?.terminationGracePeriodSeconds ?? 0));
  return settled({ end: unanswered(end, running), log: cause.log }, grace + GRACES.sidecarEndSeconds, members);
}

/** Whom we asked only because another one was to go (`podsToAskToEnd`), nobody wanted to stop. */
function askedByPerson({ askedToEnd, ...end }: End, members: readonly Member[]): End {
  const isToGo = members.some(({ snapshot: { pod } }) => pod?.metadata?.deletionTimestamp !== undefined && !wasAsked(pod));
  return askedToEnd === undefined || isToGo ? end : { ...end, askedToEnd };
}

const isOver = (seen: Observation): seen is Over => seen.kind === 'ended' || seen.kind === 'ending';

/** So long for the words of those that are ending; null: all is said. */
function settleOf(overs: readonly Over[]): number | null {
  const seconds = overs.flatMap((over) => (over.kind === 'ending' ? [over.settleSeconds] : []));
  return seconds.length > 0 ? Math.max(...seconds) : null;
}

function settled({ end, log }: { end: End; log: LogSource }, settleSeconds: number | null, members: readonly Member[]): Observation {
  const node = members[0]?.snapshot.pod?.spec?.nodeName ?? null;
  const status = { phase: 'ended' as const, message: end.message, node: end.node ?? node, startedAt: end.startedAt };
  return settleSeconds === null ? { kind: 'ended', status, end, log } : { kind: 'ending', status, end, log, settleSeconds };
}

/** The end as it counts when that time is over: a machine that did not end its pod in its grace does not answer, and took the others with it. */
function unanswered(end: End, running: readonly Member[]): End {
  const [first] = running;
  if (!first || !isPlain(end)) return end;
  const node = first.snapshot.pod?.spec?.nodeName ?? null;
  const message = `rank ${first.rank} did not end when it was asked to: node ${node ?? '?'} does not answer; before that: ${end.message}`;
  return { ...end, nodeLost: true, node, message };
}

/** A rank that gave up before all had a machine had nobody to train with: that is no fault of its own. */
function incomplete(unplaced: readonly Member[], count: number, end: End, cause: Failure, now: number): Observation {
  const seen = together(unplaced, count);
  const wait = seen.kind === 'waiting' ? seen : null;
  const message = `${wait?.status.message ?? ''}; rank ${cause.member.rank} did not wait for them: ${end.message}`;
  const notStarted = { reason: wait?.wait.reason ?? 'no-capacity', message };
  const { seen: own } = cause.member;
  // With its exit code it may say what is wrong.
  const seconds = own.kind === 'ending' && end.exitCode === null ? own.settleSeconds : null;
  return settled(
    { end: { ...end, exitCode: null, notStarted, endedAt: now, message, lingering: 'job' }, log: cause.log },
    seconds,
    unplaced,
  );
}

function failuresOf(members: readonly Member[], now: number): Failure[] {
  const failedAt = Math.min(
    ...members.flatMap(({ seen, snapshot: { pod } }) =>
      isOver(seen) && seen.end.state !== 'succeeded' && pod?.metadata?.deletionTimestamp === undefined ? seen.end.endedAt : [],
    ),
  );
  return members.flatMap((member): Failure[] => {
    const { seen, snapshot } = member;
    if (isOver(seen)) return seen.end.state === 'succeeded' ? [] : [{ member, end: own(member, seen.end, failedAt), log: seen.log }];
    // Job and pod of this rank are gone while others are still told of.
    if (seen.kind !== 'absent') return [];
    const message = `the pod of rank ${member.rank} is not there any more`;
    return [{ member, end: unknownEnd(snapshot, snapshot.pod ?? {}, message, now), log: { text: '' } }];
  });
}

/**
 * The Job controller deletes the other pods when one has failed: that is nobody's deed. What it says of the Job may be heard later than that.
 *
 * @param failedAt when a pod ended first that nobody had deleted
 */
function own({ snapshot }: Member, end: End, failedAt: number): End {
  const { job, pod } = snapshot;
  const condition = job && finished(job);
  if (!end.deletedByOther || !pod || (condition?.message ?? '').includes(`/${pod.metadata?.name ?? ''} `)) return end;
  const saidAt = time(condition?.lastTransitionTime) ?? Number.POSITIVE_INFINITY;
  const since = Math.min(saidAt, failedAt);
  const askedAt = deletionAskedAt(pod) ?? Number.POSITIVE_INFINITY;
  return Number.isFinite(since) && askedAt >= since ? { ...end, deletedByOther: false } : end;
}

/** The sign on any pod counts for all, unless it came long after the first end. */
function disruptedOf(members: readonly Member[], failures: readonly Failure[], now: number): Failure | null {
  const firstEndedAt = Math.min(...failures.map(({ end }) => end.endedAt));
  for (const member of members) {
    const { snapshot, seen } = member;
    const { pod } = snapshot;
    const disruption = pod && disruptionOf(snapshot, pod);
    if (!pod || disruption === null) continue;
    const condition = pod.status?.conditions?.find(({ type, status }) => type === 'DisruptionTarget' && status === 'True');
    const since = condition?.reason === BY_KUBELET ? null : time(condition?.lastTransitionTime);
    if (since !== null && since > firstEndedAt + SKEW_MS) continue;
    const failure = failures.find((each) => each.member === member);
    if (failure) return { ...failure, end: { ...failure.end, disruption } };
    if (isOver(seen)) continue;
    const message = `${disruption}, while its other pods ended`;
    return { member, end: { ...unknownEnd(snapshot, pod, message, now), endedAt: firstEndedAt }, log: { text: '' } };
  }
  return null;
}

function earliestStart(members: readonly Member[]): number | null {
  const starts = members.flatMap(({ snapshot: { pod } }) => (pod && hasStarted(pod) ? (startOf(pod) ?? []) : []));
  return starts.length > 0 ? Math.min(...starts) : null;
}

function nodesOf(members: readonly Member[]): NodeEnd[] {
  return members.map(({ rank, snapshot: { pod }, seen }) => ({
    rank,
    node: pod?.spec?.nodeName ?? null,
    exitCode: isOver(seen) ? seen.end.exitCode : null,
    startedAt: pod ? startOf(pod) : null,
    endedAt: isOver(seen) ? seen.end.endedAt : null,
    message: isOver(seen) ? seen.end.message : seen.kind === 'absent' ? 'not there' : (seen.status.message ?? seen.kind),
  }));
}
