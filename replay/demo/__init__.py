"""What ``replay demo`` builds: believable traffic, a trained model, and an incident to find."""

from replay.demo.build import DemoPaths, build
from replay.demo.incident import PlantedIncident
from replay.demo.traffic import make_traffic
from replay.demo.training import train

__all__ = ["DemoPaths", "PlantedIncident", "build", "make_traffic", "train"]
