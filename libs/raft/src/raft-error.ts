/** Kafka's names of the errors that the quorum answers with. `NONE` is no error. What another node answers may be any name of the protocol. */
export type RaftError =
  | 'NONE'
  | 'NOT_LEADER_OR_FOLLOWER'
  | 'REQUEST_TIMED_OUT'
  | 'BROKER_NOT_AVAILABLE'
  | 'UNSUPPORTED_VERSION'
  | 'INVALID_REQUEST'
  | 'UNKNOWN_SERVER_ERROR'
  | 'FENCED_LEADER_EPOCH'
  | 'UNKNOWN_LEADER_EPOCH'
  | 'SNAPSHOT_NOT_FOUND'
  | 'POSITION_OUT_OF_RANGE'
  | 'INCONSISTENT_CLUSTER_ID'
  | 'INVALID_VOTER_KEY'
  | 'DUPLICATE_VOTER'
  | 'VOTER_NOT_FOUND'
  | 'INVALID_UPDATE_VERSION';
