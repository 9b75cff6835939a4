package replica

import "time"

// A client that has seen a later transaction than a server holds is sent to
// another server. Where all servers send it on, the data that it knew is gone,
// as after a purge, and it goes round for ever: that is told to people, as
// neither side can mend it.

const (
	// aheadWindow is how long ago a refusal may be to count.
	aheadWindow = time.Minute
	// rememberedRefusals bounds what is kept of them.
	rememberedRefusals = 1000
)

// aheadRefusal is one of them, by the session that the client asked for.
type aheadRefusal struct {
	session int64
	at      time.Duration
}

// noteAhead takes note of a client that is sent on.
func (s *Server) noteAhead(session int64) {
	now := s.shell.Now()
	for len(s.ahead) > 0 && (len(s.ahead) >= rememberedRefusals || now-s.ahead[0].at > aheadWindow) {
		s.ahead = s.ahead[1:]
	}
	s.ahead = append(s.ahead, aheadRefusal{session, now})
}

// ClientsAhead is how many clients this server has refused again and again, within the last minute,
// because they have seen a later transaction than it holds. A client that is refused once may have
// come to a server that lags, and found another.
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
