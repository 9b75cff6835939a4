package history

import (
	"bytes"
	"slices"

	"zkctl/probe/wire"
)

// Judge compares what clients see with the model. The simulation feeds it as things happen,
// Check a whole history: the judgement is the same.
type Judge struct {
	Model *Model
	Ends  *SessionEnds
	fail  Fail
}

// NewJudge is the judge of an ensemble that has just begun.
func NewJudge(fail Fail) *Judge {
	j := &Judge{Model: NewModel(fail), Ends: newSessionEnds(), fail: fail}
	j.Model.over = j.over
	return j
}

// Answer is an answer to a client, and what is known of the moment.
type Answer struct {
	Op          *Op
	BehindClose bool      // the client had sent a closeSession before it
	Epoch       int64     // of the server when it answered; 0: not known
	Floor       wire.Zxid // of a sync: what was committed when it was sent
	FloorHolds  bool      // the server must have that: the promise of a sync holds
	NoBody      bool      // the body of the answer was not recorded
}

// Saw checks that a client never gets an answer older than one before it: last is the zxid
// that it has seen, and z that of the answer.
func (j *Judge) Saw(client int, server int64, last, z wire.Zxid) {
	if z < last {
		j.fail(OneImage, "client %d has seen %v, but server %[4]d answers it at %[3]v", client, last, z, server)
	}
}

// Answered checks an answer against the order of transactions.
func (j *Judge) Answered(a Answer) {
	j.aheadOfClose(&a)
	switch op := a.Op; op.Code {
	case wire.OpSync:
		// ZooKeeper asks only the leader, which may have been replaced without knowing
		// it. So the promise holds only while there is no newer leader.
		if a.FloorHolds && op.Zxid < a.Floor {
			j.fail(Sync, "client %d: sync is answered at %v by server %d, but %v was committed when it was sent", op.Client, op.Zxid, op.Server, a.Floor)
		}
	case wire.OpAddWatch, wire.OpRemoveWatches: // Watches checks them
	case wire.OpExists, wire.OpGetData, wire.OpGetChildren, wire.OpGetChildren2, wire.OpGetAllChildrenNumber, wire.OpMultiRead:
		j.read(&a)
	default:
		j.write(&a)
	}
}

func (j *Judge) write(a *Answer) {
	op := a.Op
	e, ok := j.Model.replies[op.Zxid]
	switch {
	case !ok:
		j.fail(Result, "client %d: %v is answered at %v, which is no transaction that waits for an answer", op.Client, op.Code, op.Zxid)
	case e.session != op.Session || e.cxid != op.Xid || e.op != op.Code || !bytes.Equal(e.body, op.Request):
		j.fail(FIFO, "client %d (session %x): request %d, %v %s, is answered with the outcome at %v of request %d of session %x, %v",
			op.Client, uint64(op.Session), op.Xid, op.Code, op.Path, op.Zxid, e.cxid, uint64(e.session), e.op)
	case e.err != op.Err:
		j.fail(Result, "client %d: %v %s at %v is answered %v, and should be %v", op.Client, op.Code, op.Path, op.Zxid, op.Err, e.err)
	case e.err == wire.OK && !a.NoBody && !bytes.Equal(e.reply, op.Reply):
		j.fail(Result, "client %d: %v %s at %v is answered %s, and should be %s",
			op.Client, op.Code, op.Path, op.Zxid, shownAnswer(op.Code, op.Reply), shownAnswer(op.Code, e.reply))
	}
	delete(j.Model.replies, op.Zxid)
}

func (j *Judge) read(a *Answer) {
	op := a.Op
	if op.Err == wire.ErrSessionExpired {
		j.refusedRequest(op, a.Epoch)
		return
	}
	var body wire.Record
	code := wire.OK
	if op.Code == wire.OpMultiRead {
		var many wire.MultiRequest
		if err := wire.Unmarshal(op.Request, &many); err != nil {
			j.fail(ReadAtZxid, "client %d: the request of %v cannot be read: %v", op.Client, op.Code, err)
			return
		}
		body = j.Model.ReadMany(many.Ops, op.Zxid)
	} else {
		body, code = j.Model.Read(op.Code, op.Path, op.Zxid)
	}
	switch {
	case code != op.Err:
		j.fail(ReadAtZxid, "client %d: %v %s at %v is answered %v, and should be %v", op.Client, op.Code, op.Path, op.Zxid, op.Err, code)
	case code == wire.OK && !a.NoBody && !sameAnswer(op, body):
		j.fail(ReadAtZxid, "client %d: %v %s at %v is answered %s, and should be %s",
			op.Client, op.Code, op.Path, op.Zxid, shownAnswer(op.Code, op.Reply), shownRecord(body))
	}
}

// sameAnswer compares the body of an answer to a read with the right one. In which order a server lists
// children is its own affair.
func sameAnswer(op *Op, want wire.Record) bool {
	if bytes.Equal(wire.Marshal(want), op.Reply) {
		return true
	}
	got, known := wire.NewResponse(op.Code)
	if !known || got == nil || wire.Unmarshal(op.Reply, got) != nil || !bytes.Equal(wire.Marshal(got), op.Reply) {
		return false
	}
	sortChildren(got)
	return bytes.Equal(wire.Marshal(want), wire.Marshal(got))
}

func sortChildren(answer wire.Record) {
	switch r := answer.(type) {
	case *wire.ChildrenResponse:
		slices.Sort(r.Children)
	case *wire.Children2Response:
		slices.Sort(r.Children)
	case *wire.MultiResponse:
		for _, result := range r.Results {
			sortChildren(result.Response)
		}
	}
}
