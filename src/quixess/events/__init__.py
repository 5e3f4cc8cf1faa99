"""What the tenants are told: events, the endpoints they go to, and how they get there."""
