package localcluster

import (
	"fmt"
	"slices"
	"strings"

	"zkctl/inject/scenario"
)

// A step that cannot be carried out is refused before anything is started, with the reason. These are the reasons, a
// line a verb and what it asks for.
var drillRefusals = []struct {
	verb   scenario.Verb
	asks   func(scenario.Fault) bool // nil: whatever it asks for
	reason string
}{
	{scenario.Kill, func(f scenario.Fault) bool { return f.Silent },
		"the kernel closes the connections of a process that ends: to lose a member without a word, pause it"},
	{scenario.Kill, func(f scenario.Fault) bool { return f.Lose != scenario.LoseNothing },
		"a process that is killed loses nothing that it has written, as the operating system has it: only a simulation loses power"},
	{scenario.Elect, func(f scenario.Fault) bool { return f.Forced != "" }, "no process can be made to vote for a member: only a simulation forges votes"},
	{scenario.Damage, nil, "zkctl damages no files"},
}

// refuseSteps lists the steps that the processes of an ensemble cannot carry out.
func refuseSteps(spec *Spec, s *scenario.Scenario) []scenario.Refusal {
	var refused []scenario.Refusal
	for _, step := range s.Steps {
		if reason := refusal(spec, step); reason != "" {
			refused = append(refused, scenario.Refusal{Step: step, Reason: reason})
		}
	}
	return refused
}

// refusal is why a step cannot be carried out; empty: it can.
func refusal(spec *Spec, step scenario.Step) string {
	if step.When.Point != "" {
		return "the members are processes, and do not say when they reach the point " + string(step.When.Point)
	}
	if id, ok := stranger(spec, step.Fault); ok {
		return fmt.Sprintf("there is no member %d in the ensemble %s", id, spec.Name)
	}
	if step.Fault.Verb == scenario.Disk || step.Fault.Verb == scenario.Clock {
		return refusalOfOwn(spec, step.Fault)
	}
	for _, r := range drillRefusals {
		if r.verb == step.Fault.Verb && (r.asks == nil || r.asks(step.Fault)) {
			return r.reason
		}
	}
	return ""
}

// refusalOfOwn is why members cannot do this to themselves. A selector by roles may choose any member.
func refusalOfOwn(spec *Spec, f scenario.Fault) string {
	if reason := beyondMembers(f); reason != "" {
		return reason
	}
	chosen, named := scenario.IDs(f.Target)
	for _, m := range spec.Members {
		if m.Engine == Apache && (!named || slices.Contains(chosen, m.ID)) {
			return fmt.Sprintf("member %d runs Apache ZooKeeper, whose %s zkctl cannot reach", m.ID, f.Verb)
		}
	}
	return ""
}

// stranger finds an id in the target that no member has. An ensemble that was there before need not have the ids
// 1, 2, 3, which is all that the scenario's own check knows.
func stranger(spec *Spec, f scenario.Fault) (int64, bool) {
	if f.Verb == scenario.Client || f.Verb == scenario.Expire {
		return 0, false
	}
	for _, text := range strings.FieldsFunc(f.Target+"|"+f.Bridge, func(r rune) bool { return strings.ContainsRune("!,|> ", r) }) {
		ids, _ := scenario.IDs(text)
		for _, id := range ids {
			if _, ok := spec.Member(id); !ok {
				return id, true
			}
		}
	}
	return 0, false
}
