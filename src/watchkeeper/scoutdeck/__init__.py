"""The composition root of scouts: joins them with the record, the hub, the sandbox, trackers and the fleet."""
