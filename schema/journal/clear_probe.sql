-- clear_probe: gives the probe's room back
DELETE FROM probe
