package bench;

import com.fasterxml.jackson.annotation.JsonIgnore;

/** What the job keeps per route. */
public class RouteState {
    public long count;
    public long last_at;
    public double lat;
    public double lon;
    public double fastest_mps;
    /** Whether the scan that was folded last was a delivery; no part of the stored state. */
    @JsonIgnore
    public boolean delivered;

    RouteState fold(Scan scan) {
        count++;
        if (scan.occurred_at >= last_at) {
            last_at = scan.occurred_at;
            lat = scan.lat;
            lon = scan.lon;
        }
        fastest_mps = Math.max(fastest_mps, scan.speed_mps);
        delivered = "DELIVERED".equals(scan.milestone);
        return this;
    }
}
