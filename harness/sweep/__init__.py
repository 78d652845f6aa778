"""An experiment -> jobs -> records: plan, preflight, sweep, assemble, environment."""
