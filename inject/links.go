package inject

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"zkctl/inject/link"
)

// Links are links as a user asks for them, before members are chosen: those between members, or on the channel "client"
// those between members and their clients.
type Links struct {
	Target string // LINKS of the command line
	// Channel is "all", "quorum", "election" or "client"; empty is all, which is what members have between them.
	Channel string
}

// Validate finds what is wrong with the request for any ensemble.
func (l Links) Validate() error {
	_, err := l.parse()
	return err
}

// Random reports whether a seed matters. It is false for links that are not valid.
func (l Links) Random() bool {
	read, err := l.parse()
	return err == nil && read.Random()
}

// Plan chooses the members. rng makes the choices left open; it may be nil when Random is false. Besides what Validate
// returns, the error is a *NoMatchError or a *PlanError.
func (l Links) Plan(members []Member, rng *rand.Rand) (Plan, error) {
	read, err := l.parse()
	if err != nil {
		return Plan{}, err
	}
	return read.Plan(members, rng)
}

// plannedLinks are links that have been read.
type plannedLinks interface {
	Random() bool
	Plan(members []Member, rng *rand.Rand) (Plan, error)
}

func (l Links) parse() (plannedLinks, error) {
	channels, err := parseChannels(l.Channel)
	if err != nil {
		return nil, err
	}
	if isClient(channels) {
		return parseClientLinks("links", l.Target)
	}
	selector, err := ParseLinkSelector(l.Target)
	return memberLinks{selector, channels}, err
}

func parseChannels(text string) ([]link.Channel, error) {
	if text == "" {
		text = "all"
	}
	return link.ParseChannels(text)
}

func isClient(channels []link.Channel) bool { return len(channels) == 1 && channels[0] == link.Client }

// memberLinks are links between members.
type memberLinks struct {
	LinkSelector
	channels []link.Channel
}

func (l memberLinks) Plan(members []Member, rng *rand.Rand) (Plan, error) {
	return l.LinkSelector.Plan(members, l.channels, rng)
}

// clientLinks are the lanes between members and their clients.
//
//	links = selector | "clients>" selector | selector ">clients"
type clientLinks struct {
	members Selector
	in, out bool // what clients send, and what they are sent
}

const (
	clientsWord        = "clients"
	clientLinksGrammar = "SELECTOR (both directions), clients>SELECTOR or SELECTOR>clients, where SELECTOR is " + SelectorGrammar
)

// parseClientLinks reads the links of clients for a command. The error is a *SyntaxError.
func parseClientLinks(what, s string) (clientLinks, error) {
	if strings.Contains(s, "|") {
		problem := "clients are on no side of a partition"
		return clientLinks{}, &SyntaxError{What: what, Input: s, Problem: problem, Grammar: clientLinksGrammar}
	}
	left, right, arrow := strings.Cut(s, ">")
	links, members := clientLinks{in: true, out: true}, left
	switch {
	case !arrow:
	case left == clientsWord:
		links.out, members = false, right
	case right == clientsWord:
		links.in = false
	default:
		problem := "on the channel client one end of a link is clients"
		return clientLinks{}, &SyntaxError{What: what, Input: s, Problem: problem, Grammar: clientLinksGrammar}
	}
	var err error
	links.members, err = parsePart(what, s, members, clientLinksGrammar)
	return links, err
}

// Random reports whether a seed matters.
func (l clientLinks) Random() bool { return l.members.Random() }

// Plan returns the lanes and the members chosen.
func (l clientLinks) Plan(members []Member, rng *rand.Rand) (Plan, error) {
	chosen, err := l.members.Resolve(members, rng)
	if err != nil {
		return Plan{}, err
	}
	var lanes []link.Lane
	for _, id := range chosen {
		if l.in {
			lanes = append(lanes, link.Lane{From: link.Clients, To: id, Channel: link.Client})
		}
		if l.out {
			lanes = append(lanes, link.Lane{From: id, To: link.Clients, Channel: link.Client})
		}
	}
	return finish(fmt.Sprintf("clients of %s", l.members), chosen, lanes)
}

// PlanRefusal chooses the members that a selector names. The lanes are those on which the others open connections to
// them: a server that does not lead listens on no quorum port.
func PlanRefusal(members []Member, s Selector, rng *rand.Rand) (Plan, error) {
	chosen, err := s.Resolve(members, rng)
	if err != nil {
		return Plan{}, err
	}
	return finish(s.String(), chosen, PlanLinks(Rest(members), chosen, []link.Channel{link.Quorum}))
}
