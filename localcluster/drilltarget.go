package localcluster

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"zkctl/inject/drill"
	"zkctl/inject/scenario"
	"zkctl/quorum"
)

// NewDrillTarget is the world of the processes of one ensemble. It starts nothing. Of an ensemble that runs, the scenario
// gets the size and the settings, whatever it asks for.
func NewDrillTarget(o DrillOptions, s *scenario.Scenario) (drill.Target, error) {
	spec, err := drillSpec(o, s)
	if err != nil {
		return nil, err
	}
	describe := spec.describe()
	if !o.Fresh {
		describe = o.Name + ": " + describe
		s.Ensemble = scenario.Ensemble{
			Nodes: len(spec.Voters()), Observers: len(spec.Observers()), Engine: spec.engines(), Tick: spec.Tick(), Settings: spec.Settings,
		}
	}
	refuse := func(s *scenario.Scenario) []scenario.Refusal { return refuseSteps(spec, s) }
	return drill.Processes(describe, refuse, func(ctx context.Context, s *scenario.Scenario) (drill.Ensemble, error) {
		return openDrill(ctx, o, s)
	}), nil
}

// DrillTiming has the limits of the ensemble of a drill, which bound how long it takes to recover.
func DrillTiming(o DrillOptions, s *scenario.Scenario) (quorum.Timing, error) {
	spec, err := drillSpec(o, s)
	if err != nil {
		return quorum.Timing{}, err
	}
	number := func(key string) int {
		n, err := strconv.Atoi(spec.Settings[key])
		if err != nil {
			return 0
		}
		return n
	}
	millis := func(key string) time.Duration { return time.Duration(number(key)) * time.Millisecond }
	return quorum.Timing{
		Tick: spec.Tick(), InitLimit: number("initLimit"), SyncLimit: number("syncLimit"),
		MinSession: millis("minSessionTimeout"), MaxSession: millis("maxSessionTimeout"),
	}, nil
}

// describe says what the ensemble is made of: "embedded=2,apache=1, 1 observer".
func (s *Spec) describe() string {
	text := s.engines()
	switch n := len(s.Observers()); n {
	case 0:
	case 1:
		text += ", 1 observer"
	default:
		text += fmt.Sprintf(", %d observers", n)
	}
	return text
}

// engines is the mix of the members' engines, as ParseEngineMix reads it.
func (s *Spec) engines() string {
	text := ""
	for i := 0; i < len(s.Members); {
		n := i
		for n < len(s.Members) && s.Members[n].Engine == s.Members[i].Engine {
			n++
		}
		text += fmt.Sprintf(",%s=%d", s.Members[i].Engine, n-i)
		i = n
	}
	return text[min(1, len(text)):]
}
