package localcluster

import (
	"context"
	"fmt"

	"zkctl/probe"
)

// CodeClientsAhead is the finding that clients are refused because they have seen a later history.
const CodeClientsAhead probe.Code = "clients-ahead"

// StatusWithClients is Status with the number of clients that are refused again and again, which takes
// another request to each member.
func (s *Supervisor) StatusWithClients(ctx context.Context) (Status, error) {
	status, err := s.Status(ctx)
	if err != nil {
		return status, err
	}
	var ask []probe.Server
	for _, m := range status.Members {
		if m.Reason == "" {
			ask = append(ask, probe.Server{ID: m.ID, Client: m.Client})
		}
	}
	surveyor := s.surveyor()
	surveyor.Metrics = true
	report := surveyor.Survey(ctx, ask)
	for i, m := range status.Members {
		if member := report.Member(m.ID); member != nil {
			count, _ := member.Metric("clients_ahead") // Apache's servers do not count them
			status.Members[i].ClientsAhead = int64(count)
		}
	}
	status.Reasons = append(status.Reasons, clientsAhead(status.Members)...)
	return status, ctx.Err()
}

// clientsAhead is the finding that clients are refused again and again. Each client tries all servers, so the
// servers' numbers are not added.
func clientsAhead(members []MemberStatus) []probe.Finding {
	most, about := int64(0), []int64{}
	for _, m := range members {
		most = max(most, m.ClientsAhead)
		if m.ClientsAhead > 0 {
			about = append(about, m.ID)
		}
	}
	if most == 0 {
		return nil
	}
	text := "1 client is refused again and again: it has"
	if most > 1 {
		text = fmt.Sprintf("%d clients are refused again and again: they have", most)
	}
	return []probe.Finding{{Code: CodeClientsAhead, Members: about,
		Text: text + " seen later transactions than these servers hold, as clients have that knew data which was deleted since; restart the clients"}}
}
