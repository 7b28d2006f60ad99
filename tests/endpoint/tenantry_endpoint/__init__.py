"""The local AWS endpoint of Tenantry's demo and tests: moto_server with what a tenant stack needs on its backends."""
