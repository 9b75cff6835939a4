package wire

// Transactions state results, not requests: a CreateTxn's path has its sequence
// number, a SetDataTxn's version is the new one. That makes applying them twice
// harmless, which replay after a fuzzy snapshot relies on (Zab section 4.2).

// CreateTxn creates a node, for create and create2.
type CreateTxn struct {
	Path      string
	Data      []byte
	ACL       []ACL
	Ephemeral bool
	// ParentCVersion is the parent's new cversion; -1, from very old logs, means one more
	// than it has.
	ParentCVersion int32
}

// Encode implements Record.
func (t *CreateTxn) Encode(e *Encoder) {
	e.Text(t.Path)
	e.Buffer(t.Data)
	EncodeACLs(e, t.ACL)
	e.Bool(t.Ephemeral)
	e.Int32(t.ParentCVersion)
}

// Decode implements Record. Logs of ZooKeeper 3.3 end after Ephemeral.
func (t *CreateTxn) Decode(d *Decoder) {
	t.Path, t.Data, t.ACL, t.Ephemeral = d.Text(), d.Buffer(), DecodeACLs(d), d.Bool()
	if d.err == nil && d.r == nil && d.Remaining() == 0 {
		t.ParentCVersion = -1
		d.lossy = true
		return
	}
	t.ParentCVersion = d.Int32()
}

// CreateContainerTxn creates a container node.
type CreateContainerTxn struct {
	Path           string
	Data           []byte
	ACL            []ACL
	ParentCVersion int32
}

// Encode implements Record.
func (t *CreateContainerTxn) Encode(e *Encoder) {
	e.Text(t.Path)
	e.Buffer(t.Data)
	EncodeACLs(e, t.ACL)
	e.Int32(t.ParentCVersion)
}

// Decode implements Record.
func (t *CreateContainerTxn) Decode(d *Decoder) {
	t.Path, t.Data, t.ACL, t.ParentCVersion = d.Text(), d.Buffer(), DecodeACLs(d), d.Int32()
}

// CreateTTLTxn creates a node that is removed when it is childless and unchanged for
// TTL milliseconds.
type CreateTTLTxn struct {
	Path           string
	Data           []byte
	ACL            []ACL
	ParentCVersion int32
	TTL            int64
}

// Encode implements Record.
func (t *CreateTTLTxn) Encode(e *Encoder) {
	e.Text(t.Path)
	e.Buffer(t.Data)
	EncodeACLs(e, t.ACL)
	e.Int32(t.ParentCVersion)
	e.Int64(t.TTL)
}

// Decode implements Record.
func (t *CreateTTLTxn) Decode(d *Decoder) {
	t.Path, t.Data, t.ACL, t.ParentCVersion, t.TTL = d.Text(), d.Buffer(), DecodeACLs(d), d.Int32(), d.Int64()
}

// DeleteTxn deletes a node, for delete and deleteContainer.
type DeleteTxn struct{ Path string }

// Encode implements Record.
func (t *DeleteTxn) Encode(e *Encoder) { e.Text(t.Path) }

// Decode implements Record.
func (t *DeleteTxn) Decode(d *Decoder) { t.Path = d.Text() }

// SetDataTxn sets a node's data, for setData and reconfig.
type SetDataTxn struct {
	Path    string
	Data    []byte
	Version int32 // the new version
}

// Encode implements Record.
func (t *SetDataTxn) Encode(e *Encoder) { e.Text(t.Path); e.Buffer(t.Data); e.Int32(t.Version) }

// Decode implements Record.
func (t *SetDataTxn) Decode(d *Decoder) { t.Path, t.Data, t.Version = d.Text(), d.Buffer(), d.Int32() }

// SetACLTxn sets a node's ACL.
type SetACLTxn struct {
	Path    string
	ACL     []ACL
	Version int32 // the new aversion
}

// Encode implements Record.
func (t *SetACLTxn) Encode(e *Encoder) {
	e.Text(t.Path)
	EncodeACLs(e, t.ACL)
	e.Int32(t.Version)
}

// Decode implements Record.
func (t *SetACLTxn) Decode(d *Decoder) { t.Path, t.ACL, t.Version = d.Text(), DecodeACLs(d), d.Int32() }

// CreateSessionTxn begins a session. The same four bytes are the body of a forwarded
// createSession request.
type CreateSessionTxn struct{ Timeout int32 } // milliseconds

// Encode implements Record.
func (t *CreateSessionTxn) Encode(e *Encoder) { e.Int32(t.Timeout) }

// Decode implements Record.
func (t *CreateSessionTxn) Decode(d *Decoder) { t.Timeout = d.Int32() }

// CloseSessionTxn ends a session and deletes its ephemeral nodes, which the leader
// lists so that every server deletes the same ones.
type CloseSessionTxn struct{ Paths []string }

// Encode implements Record.
func (t *CloseSessionTxn) Encode(e *Encoder) { e.texts(t.Paths) }

// Decode implements Record.
func (t *CloseSessionTxn) Decode(d *Decoder) { t.Paths = d.texts() }

// CheckVersionTxn is a check that passed. It occurs only inside a MultiTxn: no version
// of ZooKeeper can read it on its own.
type CheckVersionTxn struct {
	Path    string
	Version int32 // the node's version + 1
}

// Encode implements Record.
func (t *CheckVersionTxn) Encode(e *Encoder) { e.Text(t.Path); e.Int32(t.Version) }

// Decode implements Record.
func (t *CheckVersionTxn) Decode(d *Decoder) { t.Path, t.Version = d.Text(), d.Int32() }

// ErrorTxn is a write that failed. It has a zxid and is committed like any other, so
// that its reply has a place in the total order.
type ErrorTxn struct{ Err ErrCode }

// Encode implements Record.
func (t *ErrorTxn) Encode(e *Encoder) { e.Int32(int32(t.Err)) }

// Decode implements Record.
func (t *ErrorTxn) Decode(d *Decoder) { t.Err = ErrCode(d.Int32()) }

// SubTxn is one operation of a MultiTxn, its body still marshalled.
type SubTxn struct {
	Type OpCode
	Data []byte
}

// MultiTxn applies all its operations or none. In a failed multi the operation that
// failed and those after it are OpErrors, but those before it have their types and
// bodies, and the transaction's own type is OpMulti. So one OpError anywhere means that
// nothing may be applied.
type MultiTxn struct{ Txns []SubTxn }

// Encode implements Record.
func (t *MultiTxn) Encode(e *Encoder) {
	e.Int32(int32(len(t.Txns)))
	for _, sub := range t.Txns {
		e.Int32(int32(sub.Type))
		e.Buffer(sub.Data)
	}
}

// Decode implements Record.
func (t *MultiTxn) Decode(d *Decoder) {
	t.Txns = nil
	n := d.Count(8)
	if n < 0 {
		d.lossy = true
	}
	for i := 0; i < n && d.err == nil; i++ {
		t.Txns = append(t.Txns, SubTxn{Type: OpCode(d.Int32()), Data: d.Buffer()})
	}
}
