package peer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"zkctl/probe/wire"
)

// maxPacket bounds a whole packet: one field of the largest size and room for
// the identities of a client.
func (c *Conn) maxPacket() int64 { return 2 * int64(c.opts.MaxField) }

// readAll delivers packets until the connection ends, and returns the reason.
func (c *Conn) readAll() error {
	r := newReader(c.conn)
	d := wire.NewStreamDecoder(r, c.opts.MaxField)
	if c.handler == nil {
		if err := c.readFirst(r, d); err != nil {
			return err
		}
	}
	for {
		p, err := c.readPacket(r, d)
		if err != nil {
			return err
		}
		if p.Type == wire.PacketSnap {
			if err := c.readSnapshot(r, p); err != nil {
				return err
			}
		}
		if c.hungUp.Load() {
			_, err := io.Copy(io.Discard, r)
			return errors.Join(errors.New("hung up"), err)
		}
		c.handler.Received(p)
	}
}

// readFirst waits for a learner's first packet, for a limited time. Only then does it ask
// for the connection's handler.
func (c *Conn) readFirst(r *bufio.Reader, d *wire.Decoder) error {
	c.conn.SetReadDeadline(time.Now().Add(c.opts.FirstPacketTimeout))
	p, err := c.readPacket(r, d)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("no whole packet within %s: %w", c.opts.FirstPacketTimeout, err)
	}
	if err != nil {
		return err
	}
	if p.Type != wire.PacketFollowerInfo && p.Type != wire.PacketObserverInfo {
		return fmt.Errorf("began with %s instead of FOLLOWERINFO or OBSERVERINFO", p.Type)
	}
	c.conn.SetReadDeadline(time.Time{})
	if c.handler = c.admit(c); c.handler == nil {
		return errors.New("not admitted")
	}
	c.handler.Received(p)
	return nil
}

// readPacket reads one packet. It checks the type first, which tells a packet from random
// bytes best; without that check they would be reported as a strange length.
func (c *Conn) readPacket(r *bufio.Reader, d *wire.Decoder) (wire.QuorumPacket, error) {
	var p wire.QuorumPacket
	head, err := r.Peek(4)
	switch {
	case err == io.EOF && len(head) == 0:
		return p, fmt.Errorf("closed the connection: %w", io.EOF)
	case err == io.EOF:
		return p, fmt.Errorf("closed the connection inside a packet: read %q: %w", head, io.ErrUnexpectedEOF)
	case err != nil:
		return p, fmt.Errorf("read: %w", err)
	}
	t := wire.PacketType(binary.BigEndian.Uint32(head))
	if !sentBy(t, c.from) {
		return p, fmt.Errorf("%w: read %q: a %s does not send packets of type %s", ErrForeign, head, c.from, t)
	}
	d.Begin(c.maxPacket())
	p.Decode(d)
	if err := d.Err(); err != nil {
		return p, fmt.Errorf("read a %s: %w", t, err)
	}
	return p, nil
}

// sentBy tells whether this side sends packets of this type
// (see wire.PacketType and ZooKeeper's Leader).
func sentBy(t wire.PacketType, from side) bool {
	switch t {
	case wire.PacketPing, wire.PacketRevalidate:
		return true
	case wire.PacketFollowerInfo, wire.PacketObserverInfo, wire.PacketAckEpoch,
		wire.PacketAck, wire.PacketRequest:
		return from == learnerSide
	case wire.PacketLeaderInfo, wire.PacketDiff, wire.PacketTrunc, wire.PacketSnap,
		wire.PacketNewLeader, wire.PacketUpToDate,
		wire.PacketProposal, wire.PacketCommit, wire.PacketCommitAndActivate,
		wire.PacketInform, wire.PacketInformAndActivate, wire.PacketSync:
		return from == leaderSide
	}
	return false
}

// readSnapshot lets the handler read the tree that follows a SNAP, and checks the
// signature at its end. Only then is the SNAP delivered: a tree that lacks a part must
// never replace another one (ZOOKEEPER-3642).
func (c *Conn) readSnapshot(r *bufio.Reader, snap wire.QuorumPacket) error {
	if err := c.handler.Snapshot(snap, r); err != nil {
		return fmt.Errorf("read the snapshot of SNAP %s: %w", snap.Zxid, unexpectedEOF(err))
	}
	d := wire.NewStreamDecoder(r, len(snapshotSignature))
	signature := d.Text()
	if err := d.Err(); err != nil {
		return fmt.Errorf("read the end of the snapshot of SNAP %s: %w", snap.Zxid, unexpectedEOF(err))
	}
	if signature != snapshotSignature {
		return fmt.Errorf("the snapshot of SNAP %s ends with %q, not with %q", snap.Zxid, signature, snapshotSignature)
	}
	return nil
}

// unexpectedEOF turns io.EOF into io.ErrUnexpectedEOF.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
