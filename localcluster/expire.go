package localcluster

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"

	"zkctl/inject"
	"zkctl/probe"
	"zkctl/probe/wire"
)

// A session is ended by a second connection that takes it over and closes it: its password follows from its id. For its
// client this is what an expiry is, without the wait: the connection ends, the ephemeral nodes go, and when it connects
// again it is told that the session has expired.

// parseSession reads the id of a session as ZooKeeper prints it.
func parseSession(text string) (int64, error) {
	digits, ok := strings.CutPrefix(text, "0x")
	id, err := strconv.ParseUint(digits, 16, 64)
	if !ok || err != nil || id == 0 {
		return 0, fail(CodeUsage, "a member's word `cons` lists the sessions of its clients", "%q is no session: want its id, such as 0x100006d41b20000", text)
	}
	return int64(id), nil
}

// noClientsXid is an xid that no client of the session has come to, so that session and xid go on to name one operation.
const noClientsXid = 1 << 30

// planExpiry chooses the member that is asked: the leader, which knows all sessions, or any that serves.
func planExpiry(members []inject.Member, _ *rand.Rand) (inject.Plan, error) {
	var serves []int64
	for _, m := range members {
		switch m.Role {
		case inject.RoleLeader:
			return inject.Plan{Members: []int64{m.ID}}, nil
		case inject.RoleFollower, inject.RoleObserver:
			serves = append(serves, m.ID)
		}
	}
	if len(serves) == 0 {
		return inject.Plan{}, fail(CodeFailed, "zkctl wait --for quorum", "no member serves: to end a session is a write")
	}
	return inject.Plan{Members: serves[:1]}, nil
}

func (s *Supervisor) expireSession(ctx context.Context, f inject.Fault) error {
	id, err := parseSession(f.Detail)
	if err != nil {
		return err
	}
	m, err := s.member(f.Members[0])
	if err != nil {
		return err
	}
	session, err := probe.Dial(ctx, m.spec.Client(), probe.Options{
		Resume: &probe.Credentials{ID: id, Password: wire.SessionPassword(id)}, FirstXid: noClientsXid,
	})
	if errors.Is(err, wire.ErrSessionExpired) {
		return fail(CodeMissing, "a member's word `cons` lists the sessions of its clients", "there is no session %s: it never was, or has ended", f.Detail)
	}
	if err == nil {
		err = session.Close(ctx)
	}
	if err != nil {
		return fail(CodeFailed, "", "end session %s at member %d: %w", f.Detail, m.spec.ID, err)
	}
	return nil
}
