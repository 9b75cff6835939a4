package drill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"zkctl/probe"
	"zkctl/probe/wire"
)

// cleanUpTime is how long it may take to delete what the clients have left on an ensemble that stays.
const cleanUpTime = 20 * time.Second

// cleanUp deletes the nodes of the workload: an ensemble that was up before is left as it was.
func (w *processWorld) cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cleanUpTime)
	defer cancel()
	addresses, err := w.ensemble.Clients(ctx)
	if err != nil {
		return err
	}
	for _, id := range sortedIDs(addresses) {
		var s *probe.Session
		if s, err = probe.Dial(ctx, addresses[id], probe.Options{Dial: w.dial}); err != nil {
			continue // another member may serve
		}
		err = deleteTree(ctx, s, w.root)
		if closing := s.Close(ctx); err == nil {
			err = closing
		}
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("delete %s, which the clients have left: %w", w.root, err)
}

// deleteTree deletes a node and all below it. What another client deletes meanwhile is as good.
func deleteTree(ctx context.Context, s *probe.Session, path string) error {
	names, _, _, err := s.Children(ctx, path)
	if errors.Is(err, wire.ErrNoNode) {
		return nil
	}
	for _, name := range names {
		if err := deleteTree(ctx, s, strings.TrimSuffix(path, "/")+"/"+name); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	if _, err := s.Delete(ctx, path, wire.AnyVersion); err != nil && !errors.Is(err, wire.ErrNoNode) {
		return err
	}
	return nil
}
