package wire

import "strconv"

// PacketType says what a QuorumPacket is for.
type PacketType int32

// The packets of the quorum port, in the order in which a learner meets them.
//
//	learner                                  leader
//	   | FOLLOWERINFO / OBSERVERINFO ---------> |  discovery (Zab phase 1)
//	   | <------------------------- LEADERINFO  |
//	   | ACKEPOCH ----------------------------> |
//	   | <------------------- DIFF|TRUNC|SNAP   |  synchronisation (Zab phase 2)
//	   | <----- (PROPOSAL COMMIT)* NEWLEADER    |
//	   | ACK ---------------------------------> |
//	   | <--------------------------- UPTODATE  |
//	   | <------- PROPOSAL, ACK, COMMIT ------> |  broadcast (Zab phase 3)
const (
	PacketRequest           PacketType = 1  // learner asks for a write, or a sync
	PacketProposal          PacketType = 2  // data: a marshalled Txn
	PacketAck               PacketType = 3  // the proposal, or the epoch, is on my disk
	PacketCommit            PacketType = 4  // deliver
	PacketPing              PacketType = 5  // both ways; a reply carries a TouchTable
	PacketRevalidate        PacketType = 6  // a session moved to this learner
	PacketSync              PacketType = 7  // answers a sync
	PacketInform            PacketType = 8  // to observers: proposal and commit in one
	PacketCommitAndActivate PacketType = 9  // commits a reconfig
	PacketNewLeader         PacketType = 10 // all that was before this epoch has been sent
	PacketFollowerInfo      PacketType = 11 // data: LearnerInfo
	PacketUpToDate          PacketType = 12 // start serving
	PacketDiff              PacketType = 13 // keep your state, transactions follow
	PacketTrunc             PacketType = 14 // cut your log after this zxid
	PacketSnap              PacketType = 15 // drop your state, a raw stream follows
	PacketObserverInfo      PacketType = 16 // data: LearnerInfo
	PacketLeaderInfo        PacketType = 17 // the new epoch
	PacketAckEpoch          PacketType = 18 // promise not to follow an older one
	PacketInformAndActivate PacketType = 19 // PacketCommitAndActivate for observers
)

var packetNames = [...]string{
	PacketRequest: "REQUEST", PacketProposal: "PROPOSAL", PacketAck: "ACK", PacketCommit: "COMMIT",
	PacketPing: "PING", PacketRevalidate: "REVALIDATE", PacketSync: "SYNC", PacketInform: "INFORM",
	PacketCommitAndActivate: "COMMITANDACTIVATE", PacketNewLeader: "NEWLEADER",
	PacketFollowerInfo: "FOLLOWERINFO", PacketUpToDate: "UPTODATE", PacketDiff: "DIFF",
	PacketTrunc: "TRUNC", PacketSnap: "SNAP", PacketObserverInfo: "OBSERVERINFO",
	PacketLeaderInfo: "LEADERINFO", PacketAckEpoch: "ACKEPOCH",
	PacketInformAndActivate: "INFORMANDACTIVATE",
}

// String is the packet's name as ZooKeeper's logs have it, or PACKET(N).
func (t PacketType) String() string {
	if t >= PacketRequest && int(t) < len(packetNames) {
		return packetNames[t]
	}
	return "PACKET(" + strconv.Itoa(int(t)) + ")"
}

// QuorumPacket is the one message of the quorum port. Packets follow each other
// without lengths; only SNAP is followed by something else.
type QuorumPacket struct {
	Type     PacketType
	Zxid     Zxid
	Data     []byte // nil where the type has none
	AuthInfo []ID   // of REQUEST: the identities of the client
}

// Encode implements Record.
func (p *QuorumPacket) Encode(e *Encoder) {
	e.Int32(int32(p.Type))
	e.Zxid(p.Zxid)
	e.Buffer(p.Data)
	encodeIDs(e, p.AuthInfo)
}

// Decode implements Record. A reader of a connection calls the decoder's Begin before
// each packet, to bound it and to tell a closed link from one that broke inside a packet.
func (p *QuorumPacket) Decode(d *Decoder) {
	p.Type = PacketType(d.Int32())
	p.Zxid = d.Zxid()
	p.Data = d.Buffer()
	p.AuthInfo = decodeIDs(d)
}

// QuorumProtocolVersion is the version in LearnerInfo and in LEADERINFO's data.
const QuorumProtocolVersion int32 = 0x10000

// LearnerInfo is the data of FOLLOWERINFO and OBSERVERINFO.
type LearnerInfo struct {
	ServerID        int64
	ProtocolVersion int32
	// ConfigVersion of the learner; a leader hangs up on one newer than its own.
	ConfigVersion int64
}

// Encode implements Record.
func (l *LearnerInfo) Encode(e *Encoder) {
	e.Int64(l.ServerID)
	e.Int32(l.ProtocolVersion)
	e.Int64(l.ConfigVersion)
}

// Decode implements Record.
func (l *LearnerInfo) Decode(d *Decoder) {
	l.ServerID, l.ProtocolVersion, l.ConfigVersion = d.Int64(), d.Int32(), d.Int64()
}

// EncodeInt32 returns the data of LEADERINFO (a protocol version) and
// of ACKEPOCH (the current epoch, or -1 for "promised already").
func EncodeInt32(v int32) []byte {
	var e Encoder
	e.Int32(v)
	return e.buf
}

// DecodeInt32 reads what EncodeInt32 returns.
func DecodeInt32(b []byte) (int32, error) {
	d := NewDecoder(b)
	v := d.Int32()
	return v, d.Err()
}

// ForwardedRequest is the data of REQUEST: a client's request that a learner passes
// to the leader. The client's identities travel in the packet's AuthInfo, which is nil
// when it is the server itself that asks: for createSession, and for the closeSession
// of a connection that is gone.
type ForwardedRequest struct {
	SessionID int64
	Cxid      int32
	Op        OpCode
	Body      []byte // the request record as the client sent it
}

// Encode implements Record.
func (f *ForwardedRequest) Encode(e *Encoder) {
	e.Int64(f.SessionID)
	e.Int32(f.Cxid)
	e.Int32(int32(f.Op))
	e.Raw(f.Body)
}

// Decode implements Record; it needs a slice, as Body is all the rest.
func (f *ForwardedRequest) Decode(d *Decoder) {
	f.SessionID, f.Cxid, f.Op = d.Int64(), d.Int32(), OpCode(d.Int32())
	f.Body = d.Rest()
}

// Revalidate is the data of REVALIDATE from a learner: it asks whether a session whose
// client connected to it is still valid.
type Revalidate struct {
	SessionID int64
	Timeout   int32
}

// Encode implements Record.
func (r *Revalidate) Encode(e *Encoder) { e.Int64(r.SessionID); e.Int32(r.Timeout) }

// Decode implements Record.
func (r *Revalidate) Decode(d *Decoder) { r.SessionID, r.Timeout = d.Int64(), d.Int32() }

// RevalidateReply is the data of REVALIDATE from the leader.
type RevalidateReply struct {
	SessionID int64
	Valid     bool
}

// Encode implements Record.
func (r *RevalidateReply) Encode(e *Encoder) { e.Int64(r.SessionID); e.Bool(r.Valid) }

// Decode implements Record.
func (r *RevalidateReply) Decode(d *Decoder) { r.SessionID, r.Valid = d.Int64(), d.Bool() }

// SessionTouch says that a learner has received something from a session's client.
type SessionTouch struct {
	SessionID int64
	Timeout   int32
}

// TouchTable is the data of a learner's PING: the sessions heard from since the last
// one. Only the leader expires sessions, and it learns from these tables which are alive.
type TouchTable []SessionTouch

// touchSize is the size of a SessionTouch.
const touchSize = 12

// Encode implements Record.
func (t *TouchTable) Encode(e *Encoder) {
	for _, touch := range *t {
		e.Int64(touch.SessionID)
		e.Int32(touch.Timeout)
	}
}

// Decode implements Record; it needs a slice, as the table has no length of its own.
func (t *TouchTable) Decode(d *Decoder) {
	*t = make(TouchTable, 0, d.Remaining()/touchSize)
	for d.Remaining() > 0 {
		*t = append(*t, SessionTouch{d.Int64(), d.Int32()})
	}
}
