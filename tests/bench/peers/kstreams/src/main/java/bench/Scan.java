package bench;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;

/** One report of a vehicle. */
@JsonIgnoreProperties(ignoreUnknown = true)
public class Scan {
    public String scan_id;
    public String route_id;
    public long occurred_at;
    public double lat;
    public double lon;
    public double speed_mps;
    public String milestone;
}
