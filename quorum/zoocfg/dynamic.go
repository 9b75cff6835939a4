package zoocfg

import (
	"slices"
	"strconv"
	"strings"
)

// WithDynamic returns the configuration that ZooKeeper assembles from a zoo.cfg and the
// dynamic file it names. The version of the result comes from the dynamic file's name, as
// in zoo.cfg.dynamic.100000000 (hexadecimal). It refuses what ZooKeeper refuses: keys
// other than server.N, group.N and weight.N in the dynamic file, a version in it, and
// server, group or weight lines left in the static one.
func (c *Config) WithDynamic(dynamic *Config, filename string) (*Config, error) {
	if err := c.checkStatic(); err != nil {
		return nil, err
	}
	for _, e := range dynamic.entries {
		if e.Key == "version" {
			return nil, refuse(e.Line, "version=%s does not belong in the dynamic file %s: its name carries the version", e.Value, filename)
		}
		if !isMember(e.Key) {
			return nil, refuse(e.Line, "unrecognised parameter %s in the dynamic file %s", e.Key, filename)
		}
	}
	merged := &Config{entries: slices.Concat(c.entries, dynamic.entries), last: map[string]int{}}
	if v, err := strconv.ParseInt(filename[strings.LastIndexByte(filename, '.')+1:], 16, 64); err == nil {
		merged.entries = append(merged.entries, Entry{Key: "version", Value: strconv.FormatInt(v, 16)})
	}
	for i, e := range merged.entries {
		merged.last[e.Key] = i
	}
	// The key has done its duty; left in, Ensemble would ask for the file again.
	delete(merged.last, "dynamicConfigFile")
	return merged, nil
}

// checkStatic refuses membership lines in a file that names a dynamic one.
func (c *Config) checkStatic() error {
	if _, ok := c.last["dynamicConfigFile"]; !ok {
		return nil
	}
	for _, e := range c.entries {
		if isMember(e.Key) {
			return refuse(e.Line, "parameter %s must be in the separate dynamic config file", e.Key)
		}
	}
	return nil
}
