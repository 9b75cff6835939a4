package replica

import "time"

// A server refuses a client that has seen a later transaction than it has; the client
// then tries another server. If all servers refuse it, its data is lost, as after a
// purge, and it tries for ever. Neither side can repair that, so status reports such
// clients.

const (
	// aheadWindow is how long a refusal counts.
	aheadWindow = time.Minute
	// rememberedRefusals is the largest number of refusals that are kept.
	rememberedRefusals = 1000
)

// aheadRefusal is one refusal, with the session that the client asked for.
type aheadRefusal struct {
	session int64
	at      time.Duration
}

// noteAhead records a refusal.
func (s *Server) noteAhead(session int64) {
	now := s.shell.Now()
	for len(s.ahead) > 0 && (len(s.ahead) >= rememberedRefusals || now-s.ahead[0].at > aheadWindow) {
		s.ahead = s.ahead[1:]
	}
	s.ahead = append(s.ahead, aheadRefusal{session, now})
}

// ClientsAhead is the number of clients that this server has refused at least twice within the last
// minute because they have seen a later transaction than it has. A client that was refused once may
// have found a server that does not lag.
func (s *Server) ClientsAhead() int {
	clients, times, now := 0, map[int64]int{}, s.shell.Now()
	for _, r := range s.ahead {
		if now-r.at > aheadWindow {
			continue
		}
		times[r.session]++
		if times[r.session] == 2 {
			clients++
		}
	}
	return clients
}
