package commands

import (
	"strings"
	"unicode"

	"github.com/urfave/cli/v2"
)

// belief is something that people believe about quorums.
type belief struct {
	ID      string `json:"id"`
	Claim   string `json:"claim"`
	Correct string `json:"correct"`
	Command string `json:"command"` // shows it
	LookAt  string `json:"look_at"` // what to look at in its output
	Source  string `json:"source"`

	words string // by which a claim in other words is recognised, beside Claim's own
}

// explainDoc is the document of "zkctl quorum explain".
type explainDoc struct {
	Beliefs []belief `json:"beliefs"`
}

func newQuorumExplainCommand(p *program) *cli.Command {
	p.completeArgs("quorum explain", constant(beliefIDs()...))
	return &cli.Command{
		Name:      "explain",
		Usage:     "sixteen things people believe about quorums, and what is true",
		ArgsUsage: "[ID|CLAIM]",
		Description: "Without an argument, lists them. With an id, or with what an article says in its own words, explains that " +
			"one: what is true instead, the command that shows it, and where it is written.",
		UsageText: "zkctl quorum explain\n" +
			"zkctl quorum explain half-suffices\n" +
			"zkctl quorum explain the number of servers must be odd",
		Action: func(c *cli.Context) error { return p.explain(strings.Join(c.Args().Slice(), " ")) },
	}
}

func (p *program) explain(claim string) error {
	doc := explainDoc{Beliefs: beliefs}
	if claim != "" {
		found := matchBeliefs(claim)
		if len(found) == 0 {
			return withHint(usagef("nothing is known about %q", claim), "zkctl quorum explain lists what is: %s", strings.Join(beliefIDs(), ", "))
		}
		doc.Beliefs = found
	}
	return p.print(doc, func(pg *page) {
		if claim == "" {
			for _, b := range beliefs {
				helpRowAt(pg, 26, b.ID, b.Claim)
			}
			pg.para("None of these is true. zkctl quorum explain ID says why, and which command shows it.")
			return
		}
		for _, b := range doc.Beliefs {
			pg.para("%s %s", pg.bad("claim:"), b.Claim)
			pg.para("%s %s", pg.good("true:"), b.Correct)
			pg.para("shown by:")
			pg.raw("  " + b.Command + "\n")
			pg.line("Look at %s.", b.LookAt)
			pg.para("source: %s", b.Source)
		}
	})
}

func beliefIDs() []string {
	var ids []string
	for _, b := range beliefs {
		ids = append(ids, b.ID)
	}
	return ids
}

// matchBeliefs finds what a claim is about: by id, else the beliefs with the most
// telling words in common. A word tells more the fewer beliefs have it.
func matchBeliefs(claim string) []belief {
	for _, b := range beliefs {
		if b.ID == claim {
			return []belief{b}
		}
	}
	having := map[string]int{}
	sets := make([]map[string]bool, len(beliefs))
	for i, b := range beliefs {
		sets[i] = wordSet(b.ID + " " + b.Claim + " " + b.words)
		for w := range sets[i] {
			having[w]++
		}
	}
	asked := wordSet(claim)
	var best []belief
	const enough = 0.4
	most := enough
	for i, b := range beliefs {
		score := 0.0
		for w := range asked {
			if sets[i][w] {
				score += 1 / float64(having[w]*having[w])
			}
		}
		switch {
		case score > most+1e-9:
			best, most = []belief{b}, score
		case score > most-1e-9 && score > enough:
			best = append(best, b)
		}
	}
	return best
}

// wordSet cuts a text into words, without the ones that say nothing and without
// endings.
func wordSet(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if idle[w] {
			continue
		}
		for _, ending := range []string{"ing", "ers", "er", "es", "ed", "s"} {
			if short, ok := strings.CutSuffix(w, ending); ok && len(short) > 3 {
				w = short
				break
			}
		}
		set[w] = true
	}
	return set
}

var idle = func() map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields("a an the is are be of to in on at it its and or that this with for you must can has have do does not no " +
		"server servers node nodes ensemble zookeeper quorum number by as") {
		set[w] = true
	}
	return set
}()

// beliefs are the list of the reference notes on sizing, in its order.
var beliefs = []belief{
	{
		ID: "odd-required", words: "even uneven parity split brain",
		Claim: "The number of servers must be odd.",
		Correct: "Any number runs. An even one only gains nothing: 4 tolerate one failure as 3 do, need 3 acknowledgements instead of 2, " +
			"and are down twice as long, because there is one more server to fail. It splits no brain: two halves are both no quorum.",
		Command: "zkctl quorum --compare 3,4,5 --availability 0.99", LookAt: "the downtime of 4 beside that of 3",
		Source: "ZooKeeper administrator's guide; QuorumPeerConfig warns of even sizes; enumeration",
	},
	{
		ID: "half-suffices", words: "n/2 n 2 rounded up ceil ceiling fifty 50 percent at least",
		Claim: "Half of the servers are enough: a quorum is n/2 rounded up, so 4 servers tolerate 2 failures.",
		Correct: "A quorum is more than half: n/2 rounded down, plus one; 3 of 4. If halves were enough, two halves could decide " +
			"differently. (ZooKeeper's own guide to observers says \"at least half\"; QuorumMaj says more.)",
		Command: "zkctl quorum --nodes 4 --failed 1,2", LookAt: "what is left of 4 without 2: no quorum",
		Source: "QuorumMaj.containsQuorum: size > half",
	},
	{
		ID: "size-is-chosen", words: "operator configure configurable choose set tune option",
		Claim: "The operator chooses the size of the quorum.",
		Correct: "It follows from the members: more than half of the voters, or the weights and groups they are given. " +
			"Systems that let one choose (Flexible Paxos) trade commits against elections; ZooKeeper does not offer it.",
		Command: "zkctl quorum --compare 3,4,5,6,7", LookAt: "the quorum column: there is no other choice",
		Source: "QuorumMaj; Howard et al., Flexible Paxos (2016)",
	},
	{
		ID: "observers-count", words: "observer vote majority survive failure tolerance",
		Claim: "Observers count for the quorum, or help to survive failures.",
		Correct: "An observer's acknowledgement is never asked for. With 4 observers, 3 voters have the same quorum and the same " +
			"tolerance as without.",
		Command: "zkctl quorum --nodes 3 --observers 4", LookAt: "the quorum, still 2 of 3, and what is tolerated, still 1",
		Source: "SyncedLearnerTracker.addAck takes voters only",
	},
	{
		ID: "observers-free", words: "cost load traffic network cheap nothing scale",
		Claim: "Observers are free.",
		Correct: "The leader sends each of them an INFORM with the whole payload for every write. They only save the acknowledgement, " +
			"and the wait for it.",
		Command: "zkctl quorum --nodes 5 --observers 4", LookAt: "the messages and the copies of the payload: 16 and 8, with 12 and 4 without observers",
		Source: "Leader.inform",
	},
	{
		ID: "smallest-id-wins", words: "smaller lowest largest larger highest biggest myid leader elected election vote",
		Claim: "The server with the smallest id wins the election (or: the one with the largest).",
		Correct: "The latest history wins: the higher epoch, then the higher zxid. Only between equals the larger id decides, as in a new " +
			"ensemble. A server of weight 0 never wins.",
		Command: "zkctl up --name vote && zkctl status --name vote && zkctl down --name vote --purge",
		LookAt:  "the leader of an empty ensemble: never server 1",
		Source:  "FastLeaderElection.totalOrderPredicate",
	},
	{
		ID: "two-data-centres", words: "dc dcs datacenter datacenters centers region sites lose losing either survive survives two",
		Claim: "Spread over two data centres, the ensemble survives the loss of either.",
		Correct: "It cannot: if one side alone is a quorum, the other is not, whatever the weights. Split 3+2 is even less available than " +
			"all five in one place, because now the loss of either place hurts. It takes three.",
		Command: "zkctl quorum --nodes 5 --place east,west --availability 0.99 --zone-availability 0.999",
		LookAt:  "the best placement: all in one; and that none survives any zone",
		Source:  "enumeration; two complementary sets cannot both be quorums",
	},
	{
		ID: "weights-alone", words: "weight group without assign heavier",
		Claim: "Weights can be given without groups.",
		Correct: "As soon as a weight or a group appears, every voter must be in a group, or ZooKeeper does not start. Weighted voting is " +
			"a single group of all.",
		Command: "zkctl quorum --nodes 3 --weights 1=2", LookAt: "the refusal, and the hint",
		Source: "QuorumHierarchical.parse: server is not in a group",
	},
	{
		ID: "two-groups", words: "redundancy redundant group hierarchical",
		Claim: "Two groups add redundancy.",
		Correct: "More than half of two groups is both: the ensemble stops with either. Three groups tolerate the loss of one. Taking all weight " +
			"from one of three groups leaves two, and is the same trap.",
		Command: "zkctl quorum --groups 1:2:3,4:5:6", LookAt: "what six servers tolerate: 1, as three would; and the warning",
		Source: "QuorumHierarchical.containsQuorum",
	},
	{
		ID: "more-is-faster", words: "write writes throughput performance scale scaling speed quick",
		Claim: "More servers make writes faster.",
		Correct: "Every write goes to every voter and waits for more than half of them: from 3 to 13 servers, writes fell from 21,000 to 8,000 a " +
			"second. Reads scale, so the right size depends on the mix.",
		Command: "zkctl quorum --compare 3,5,7,9,13 --reads 0", LookAt: "operations per second, going down; try --reads 0.9 as well",
		Source: "Hunt et al., USENIX ATC 2010, table 1",
	},
	{
		ID: "more-is-safer", words: "available availability reliable uptime add adding always better",
		Claim: "More servers are more available.",
		Correct: "Not when servers are up less than half of the time, and not in the wrong places: 7 in three zones as 3+3+1 are less available " +
			"than 5 as 2+2+1.",
		Command: "zkctl quorum --compare 1,3,5,7 --availability 0.4", LookAt: "availability, falling with every pair of servers",
		Source: "enumeration; Peleg and Wool 1995",
	},
	{
		ID: "tolerance-after-zone", words: "dc zone lost loss still tolerate f datacenter data centre 4 failures remaining",
		Claim:   "An ensemble that tolerates f failures still tolerates f once a data centre is lost.",
		Correct: "The lost servers are failures, too. 9 servers tolerate 4; placed 3+3+3, once a zone is gone they tolerate 1 more.",
		Command: "zkctl quorum --nodes 9 --zones 'a=1,2,3;b=4,5,6;c=7,8,9'", LookAt: "\"then tolerates\": 1",
		Source: "enumeration",
	},
	{
		ID: "sync-is-linearizable", words: "sync read fresh stale latest linearisable consistent",
		Claim: "sync() followed by a read is linearizable.",
		Correct: "sync waits for the leader's queue, not for a quorum. A leader that has been cut off does not know it yet, answers, and " +
			"the read misses what the new leader has committed. To be sure, write.",
		Command: "zkctl quorum recovery", LookAt: "how long a leader that is cut off believes in itself",
		Source: "ZooKeeper internals; ZOOKEEPER-1675",
	},
	{
		ID: "outage-is-200ms", words: "election elect takes less than 200 ms milliseconds outage downtime failover time recovery",
		Claim: "An election takes less than 200 ms, so that is the outage.",
		Correct: "200 ms is what an election at least waits for a better vote. Before it, a silent leader must be noticed, up to syncLimit ticks; after it, " +
			"a quorum must be brought up to date, up to initLimit ticks.",
		Command: "zkctl quorum recovery --tick 2s --init-limit 10 --sync-limit 5", LookAt: "the detection of a hang: 9 to 10 s",
		Source: "FastLeaderElection.finalizeWait; Learner's socket timeout",
	},
	{
		ID: "removed-costs-nothing", words: "remove removed reconfig leave leaving decommission",
		Claim: "A server that has been removed from the ensemble costs nothing.",
		Correct: "Until it is stopped it stays connected as a follower without a vote: it receives and acknowledges every proposal. Remove it, " +
			"then stop it.",
		Command: "zkctl quorum plan --from 4 --to 3", LookAt: "the step: take it out, then stop it",
		Source: "ZooKeeper reconfiguration guide",
	},
	{
		ID: "replacement-first", words: "replace dead failed add first before broken new member joining",
		Claim: "To replace a dead server, adding the new one first is safer.",
		Correct: "The dead one still counts. 3 voters with one dead tolerate nothing; with a fourth, 3 of 4 are needed and 3 are left, and if the new one " +
			"cannot start, 2 of 4 are no quorum and cannot even undo it. Remove the dead, then add.",
		Command: "zkctl quorum --nodes 4 --failed 3,4", LookAt: "the new server, 4, fails to start beside the dead 3: no quorum",
		Source: "etcd FAQ; enumeration",
	},
}
