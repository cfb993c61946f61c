/** Short, so that a lost node is noticed soon; long enough that a busy machine keeps its nodes. */
export const NODE_MONITOR_GRACE_SECONDS = 8;
