package wire

import "encoding/binary"

// PasswordSize is the length of every session password.
const PasswordSize = 16

// NoPassword is the password of 16 zeros that a refused client is answered with, and
// that go-zookeeper sends when it asks for a new session.
func NoPassword() []byte { return make([]byte, PasswordSize) }

// SessionPassword derives a session's password from its id. No server stores
// passwords: a client may move to any server of the ensemble, so all of them, Java or
// not, must derive the same bytes. They are four numbers of java.util.Random, seeded
// with the id mixed with a constant, each written least significant byte first.
//
// It is no protection from a client that computes it; it keeps clients from taking each
// other's sessions by mistake.
func SessionPassword(sessionID int64) []byte {
	const (
		superSecret = 0xB3415C00 // ZooKeeper's name and value for it
		multiplier  = 0x5DEECE66D
		increment   = 0xB
		mask        = 1<<48 - 1
	)
	state := ((uint64(sessionID) ^ superSecret) ^ multiplier) & mask
	password := make([]byte, 0, PasswordSize)
	for range PasswordSize / 4 {
		state = (state*multiplier + increment) & mask
		password = binary.LittleEndian.AppendUint32(password, uint32(state>>16))
	}
	return password
}

// ConnectRequest is the first frame of a client.
type ConnectRequest struct {
	ProtocolVersion int32 // 0
	LastZxidSeen    Zxid  // a server that is behind it closes the connection
	Timeout         int32 // milliseconds, wanted
	SessionID       int64 // 0 asks for a new session
	Password        []byte
	ReadOnly        bool // a read-only server will do
	// HasReadOnly: whether the ReadOnly byte is there at all. Clients older than 3.4 and
	// go-zookeeper leave it out, and expect an answer without it.
	HasReadOnly bool
}

// Encode implements Record.
func (c *ConnectRequest) Encode(e *Encoder) {
	e.Int32(c.ProtocolVersion)
	e.Zxid(c.LastZxidSeen)
	e.Int32(c.Timeout)
	e.Int64(c.SessionID)
	e.Buffer(c.Password)
	if c.HasReadOnly {
		e.Bool(c.ReadOnly)
	}
}

// Decode implements Record. It needs a slice: only the frame's end tells whether the
// last byte is there.
func (c *ConnectRequest) Decode(d *Decoder) {
	c.ProtocolVersion = d.Int32()
	c.LastZxidSeen = d.Zxid()
	c.Timeout = d.Int32()
	c.SessionID = d.Int64()
	c.Password = d.Buffer()
	c.ReadOnly, c.HasReadOnly = optionalBool(d)
}

// ConnectResponse answers a ConnectRequest. Timeout 0 with session 0 is the refusal:
// the session asked for is unknown or expired, or the password is wrong.
type ConnectResponse struct {
	ProtocolVersion int32
	Timeout         int32 // milliseconds, granted
	SessionID       int64
	Password        []byte
	ReadOnly        bool // this server is read-only
	HasReadOnly     bool // mirrors the request
}

// Encode implements Record.
func (c *ConnectResponse) Encode(e *Encoder) {
	e.Int32(c.ProtocolVersion)
	e.Int32(c.Timeout)
	e.Int64(c.SessionID)
	e.Buffer(c.Password)
	if c.HasReadOnly {
		e.Bool(c.ReadOnly)
	}
}

// Decode implements Record; like ConnectRequest's it needs a slice.
func (c *ConnectResponse) Decode(d *Decoder) {
	c.ProtocolVersion = d.Int32()
	c.Timeout = d.Int32()
	c.SessionID = d.Int64()
	c.Password = d.Buffer()
	c.ReadOnly, c.HasReadOnly = optionalBool(d)
}

func optionalBool(d *Decoder) (value, present bool) {
	if d.Remaining() == 0 {
		return false, false
	}
	return d.Bool(), true
}
