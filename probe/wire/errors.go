package wire

import "strconv"

// ErrCode is the result of a request as it stands in a reply's header. The non-zero
// codes are errors: compare with errors.Is(err, wire.ErrNoNode). OK is not an error
// and must not be returned as one; Err turns a code into an error properly.
type ErrCode int32

// The codes of ZooKeeper 3.9. Those above -100 speak of the system, those from -100
// down of the request.
const (
	OK ErrCode = 0

	ErrSystem               ErrCode = -1
	ErrRuntimeInconsistency ErrCode = -2 // also: an operation of a failed multi, after the one that failed
	ErrDataInconsistency    ErrCode = -3
	ErrConnectionLoss       ErrCode = -4
	ErrMarshalling          ErrCode = -5
	ErrUnimplemented        ErrCode = -6
	ErrOperationTimeout     ErrCode = -7
	ErrBadArguments         ErrCode = -8
	ErrUnknownSession       ErrCode = -12
	ErrNewConfigNoQuorum    ErrCode = -13
	ErrReconfigInProgress   ErrCode = -14

	ErrAPI                          ErrCode = -100
	ErrNoNode                       ErrCode = -101
	ErrNoAuth                       ErrCode = -102
	ErrBadVersion                   ErrCode = -103
	ErrNoChildrenForEphemerals      ErrCode = -108
	ErrNodeExists                   ErrCode = -110
	ErrNotEmpty                     ErrCode = -111
	ErrSessionExpired               ErrCode = -112
	ErrInvalidCallback              ErrCode = -113
	ErrInvalidACL                   ErrCode = -114
	ErrAuthFailed                   ErrCode = -115
	ErrSessionMoved                 ErrCode = -118
	ErrNotReadOnly                  ErrCode = -119
	ErrEphemeralOnLocalSession      ErrCode = -120
	ErrNoWatcher                    ErrCode = -121
	ErrRequestTimeout               ErrCode = -122
	ErrReconfigDisabled             ErrCode = -123
	ErrSessionClosedRequireSASLAuth ErrCode = -124
	ErrQuotaExceeded                ErrCode = -125
	ErrThrottled                    ErrCode = -127
)

var errTexts = map[ErrCode]string{
	OK:        "ok",
	ErrSystem: "system error", ErrRuntimeInconsistency: "runtime inconsistency",
	ErrDataInconsistency: "data inconsistency", ErrConnectionLoss: "connection loss",
	ErrMarshalling: "marshalling error", ErrUnimplemented: "unimplemented",
	ErrOperationTimeout: "operation timeout", ErrBadArguments: "bad arguments",
	ErrUnknownSession: "unknown session", ErrNewConfigNoQuorum: "no quorum of the new configuration is connected",
	ErrReconfigInProgress: "reconfiguration in progress",
	ErrAPI:                "api error", ErrNoNode: "no such node", ErrNoAuth: "not authorised",
	ErrBadVersion: "bad version", ErrNoChildrenForEphemerals: "ephemeral nodes cannot have children",
	ErrNodeExists: "node exists", ErrNotEmpty: "node has children",
	ErrSessionExpired: "session expired", ErrInvalidCallback: "invalid callback",
	ErrInvalidACL: "invalid acl", ErrAuthFailed: "authentication failed",
	ErrSessionMoved: "session moved to another server", ErrNotReadOnly: "server is read-only",
	ErrEphemeralOnLocalSession: "ephemeral node on a local session", ErrNoWatcher: "no such watcher",
	ErrRequestTimeout: "request timeout", ErrReconfigDisabled: "reconfiguration is disabled",
	ErrSessionClosedRequireSASLAuth: "session closed: sasl authentication required",
	ErrQuotaExceeded:                "quota exceeded", ErrThrottled: "throttled",
}

// Error is the code in words, followed by its number, which is what ZooKeeper's own
// logs and clients show.
func (c ErrCode) Error() string {
	text, ok := errTexts[c]
	if !ok {
		text = "unknown error"
	}
	return text + " (" + strconv.Itoa(int(c)) + ")"
}

// Err is nil for OK and the code itself otherwise.
func (c ErrCode) Err() error {
	if c == OK {
		return nil
	}
	return c
}
