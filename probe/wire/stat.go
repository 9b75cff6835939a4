package wire

// Stat is what a client sees of a node beside its data, 68 bytes.
type Stat struct {
	Czxid          Zxid  // the transaction that created the node
	Mzxid          Zxid  // the last that set its data
	Ctime          int64 // milliseconds since 1970, by the leader's clock
	Mtime          int64
	Version        int32 // of the data: 0 at creation, +1 per set
	Cversion       int32 // counts creates and deletes of children
	Aversion       int32 // of the ACL
	EphemeralOwner int64 // the session, or 0
	DataLength     int32
	NumChildren    int32
	Pzxid          Zxid // the last transaction that created or deleted a child
}

// Encode implements Record.
func (s *Stat) Encode(e *Encoder) {
	e.Zxid(s.Czxid)
	e.Zxid(s.Mzxid)
	e.Int64(s.Ctime)
	e.Int64(s.Mtime)
	e.Int32(s.Version)
	e.Int32(s.Cversion)
	e.Int32(s.Aversion)
	e.Int64(s.EphemeralOwner)
	e.Int32(s.DataLength)
	e.Int32(s.NumChildren)
	e.Zxid(s.Pzxid)
}

// Decode implements Record.
func (s *Stat) Decode(d *Decoder) {
	s.Czxid, s.Mzxid = d.Zxid(), d.Zxid()
	s.Ctime, s.Mtime = d.Int64(), d.Int64()
	s.Version, s.Cversion, s.Aversion = d.Int32(), d.Int32(), d.Int32()
	s.EphemeralOwner = d.Int64()
	s.DataLength, s.NumChildren = d.Int32(), d.Int32()
	s.Pzxid = d.Zxid()
}

// StatPersisted is what a snapshot holds about a node, 60 bytes. Two fields mean
// something else than in Stat: Cversion counts only the creates of children, and
// EphemeralOwner also marks containers and TTLs.
type StatPersisted struct {
	Czxid          Zxid
	Mzxid          Zxid
	Ctime          int64
	Mtime          int64
	Version        int32
	Cversion       int32
	Aversion       int32
	EphemeralOwner int64
	Pzxid          Zxid
}

// Encode implements Record.
func (s *StatPersisted) Encode(e *Encoder) {
	e.Zxid(s.Czxid)
	e.Zxid(s.Mzxid)
	e.Int64(s.Ctime)
	e.Int64(s.Mtime)
	e.Int32(s.Version)
	e.Int32(s.Cversion)
	e.Int32(s.Aversion)
	e.Int64(s.EphemeralOwner)
	e.Zxid(s.Pzxid)
}

// Decode implements Record.
func (s *StatPersisted) Decode(d *Decoder) {
	s.Czxid, s.Mzxid = d.Zxid(), d.Zxid()
	s.Ctime, s.Mtime = d.Int64(), d.Int64()
	s.Version, s.Cversion, s.Aversion = d.Int32(), d.Int32(), d.Int32()
	s.EphemeralOwner = d.Int64()
	s.Pzxid = d.Zxid()
}
