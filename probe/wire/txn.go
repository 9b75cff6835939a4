package wire

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrUnknownTxn reports a transaction of a type that this version does not know. It
// must be fatal to a server: applying the rest without it would make its tree
// differ from those of all other servers.
var ErrUnknownTxn = errors.New("unknown transaction type")

// TxnHeader begins every transaction, 32 bytes.
type TxnHeader struct {
	ClientID int64 // the session that asked
	Cxid     int32 // its xid for the request
	Zxid     Zxid
	Time     int64 // milliseconds since 1970, by the clock of the leader that proposed it
	Type     OpCode
}

// Encode implements Record.
func (h *TxnHeader) Encode(e *Encoder) {
	e.Int64(h.ClientID)
	e.Int32(h.Cxid)
	e.Zxid(h.Zxid)
	e.Int64(h.Time)
	e.Int32(int32(h.Type))
}

// Decode implements Record.
func (h *TxnHeader) Decode(d *Decoder) {
	h.ClientID, h.Cxid, h.Zxid, h.Time, h.Type = d.Int64(), d.Int32(), d.Zxid(), d.Int64(), OpCode(d.Int32())
}

// DigestVersion is the version of the tree digest that ZooKeeper 3.6 to 3.9 compute.
const DigestVersion = 2

// TxnDigest is the digest of the whole tree after a transaction, by which a server
// notices that its tree differs from the leader's.
type TxnDigest struct {
	Version int32
	Digest  int64
}

// Encode implements Record.
func (t *TxnDigest) Encode(e *Encoder) { e.Int32(t.Version); e.Int64(t.Digest) }

// Decode implements Record.
func (t *TxnDigest) Decode(d *Decoder) { t.Version, t.Digest = d.Int32(), d.Int64() }

const txnDigestSize = 12

// Txn is one entry of the total order: what the leader proposes, what the log holds
// and what every tree applies.
//
//	| header, 32 bytes | body, by the header's type | digest, 12 bytes or absent |
type Txn struct {
	Header TxnHeader
	// Body is a pointer to the record of the header's type. It is nil for a closeSession
	// without its list of paths, as servers before 3.6 write it.
	Body Record
	// Digest is nil when the leader sent none; failed writes never carry one.
	Digest *TxnDigest
}

// Encode appends the transaction.
func (t *Txn) Encode(e *Encoder) {
	t.Header.Encode(e)
	if t.Body != nil {
		t.Body.Encode(e)
	}
	if t.Digest != nil {
		t.Digest.Encode(e)
	}
}

// Decode implements Record. It needs a slice that ends with the transaction, because
// its last parts are present or not by what is left.
func (t *Txn) Decode(d *Decoder) {
	t.Header.Decode(d)
	t.Body, t.Digest = nil, nil
	if d.err != nil {
		return
	}
	if t.Header.Type != OpCloseSession || !closeSessionWithoutBody(d) {
		if t.Body = NewTxnBody(t.Header.Type); t.Body == nil {
			d.Fail(fmt.Errorf("%w: %d (zxid %s)", ErrUnknownTxn, int32(t.Header.Type), t.Header.Zxid))
			return
		}
		t.Body.Decode(d)
	}
	if d.Remaining() > 0 {
		t.Digest = new(TxnDigest)
		t.Digest.Decode(d)
	}
}

// closeSessionWithoutBody: the body is missing from logs before 3.6 and from servers
// with closeSessionTxn.enabled=false. In the second case a digest follows, which would
// read as a body of two empty paths.
func closeSessionWithoutBody(d *Decoder) bool {
	if d.Remaining() == 0 {
		return true
	}
	return d.Remaining() == txnDigestSize && bytes.HasPrefix(d.buf[d.off:], []byte{0, 0, 0, DigestVersion})
}

// Marshal returns the bytes of the transaction.
func (t *Txn) Marshal() []byte { return Marshal(t) }

// UnmarshalTxn decodes a transaction; buffers in it are parts of b.
func UnmarshalTxn(b []byte) (*Txn, error) {
	t := new(Txn)
	if err := Unmarshal(b, t); err != nil {
		return nil, err
	}
	return t, nil
}

// Proposal is a transaction as it travels: its zxid, and its marshalled Txn. The same
// bytes are the data of a PROPOSAL packet and the payload of a log entry, so a server
// passes them on without decoding them.
type Proposal struct {
	Zxid Zxid
	Data []byte
}

// NewTxnBody returns an empty body for transactions of a type, or nil when there is no
// such type.
func NewTxnBody(op OpCode) Record {
	switch op {
	case OpCreate, OpCreate2:
		return new(CreateTxn)
	case OpCreateContainer:
		return new(CreateContainerTxn)
	case OpCreateTTL:
		return new(CreateTTLTxn)
	case OpDelete, OpDeleteContainer:
		return new(DeleteTxn)
	case OpSetData, OpReconfig:
		return new(SetDataTxn)
	case OpSetACL:
		return new(SetACLTxn)
	case OpCreateSession:
		return new(CreateSessionTxn)
	case OpCloseSession:
		return new(CloseSessionTxn)
	case OpCheck:
		return new(CheckVersionTxn)
	case OpError:
		return new(ErrorTxn)
	case OpMulti:
		return new(MultiTxn)
	}
	return nil
}
