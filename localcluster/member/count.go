package member

func (s *server) received(c *conn) {
	c.stats.received++
	s.stats.received++
}

// sent counts a frame of n bytes, its length included.
func (s *server) sent(c *conn, n int) {
	c.stats.sent++
	s.stats.sent++
	s.stats.responses.add(n - 4)
}

// inFlight is the number of requests of clients that are not answered yet.
func (s *server) inFlight() int64 { return s.port.requests.Load() }
