// Package zoocfg reads the text in which ZooKeeper is configured: zoo.cfg, the
// dynamic configuration beside it, and the value of the /zookeeper/config node.
// All three are Java properties:
//
//	text --Parse--> Config            every key, with its line number
//	                  |
//	                  +--Ensemble()--> servers, groups, weights, version
//	                                      |            |
//	                                  System()       Text()
//	                               quorum.System   the canonical text that servers
//	                                               exchange and /zookeeper/config holds
//
// The server reads the keys it needs from Config; the calculator asks Ensemble
// for the quorum system. Both see the same lines in the same way, so what the
// calculator accepts, the server starts with.
//
// # What is refused
//
// Whatever ZooKeeper's QuorumPeerConfig refuses is refused, as an *Error that carries the
// line number and wraps quorum.ErrRefused: unreadable values and values that exclude each
// other (Check), members that are no ensemble (Ensemble, System), and what a complete
// zoo.cfg must have besides (CheckStart). A text without dataDir is a part of a zoo.cfg, a
// dynamic configuration or a template, and is judged by what it has. What depends on the
// machine is left out: names, folders, classes, myid.
//
// ZooKeeper trims trailing white space from most values, but not from server.N, group.N
// and weight.N, where a stray blank stops it at start; so it stops here, too.
//
// A key that is given twice with different values is a special case: Java takes
// the last one silently. Ensemble refuses it for the keys that decide quorums,
// and Config.Contradictions lists all of them, for warnings.
//
// What is accepted although it hurts is a warning: Lint looks at the addresses, quorum.Lint at
// the rest.
//
// The package is pure: it opens no files. A caller that meets a
// dynamicConfigFile key reads that file and hands it to WithDynamic. ZooKeeper takes a relative path
// from its working directory; the callers here look there first, and then beside the zoo.cfg.
package zoocfg
