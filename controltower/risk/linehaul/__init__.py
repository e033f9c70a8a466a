"""Line haul: will a shipment without a route yet miss its promised day, from its milestones so far?"""
