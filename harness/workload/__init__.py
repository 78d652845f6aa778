"""What is trained, as frozen data: columns, model, optimizers, learning rate."""

from wideload.harness.workload.model import Model
from wideload.harness.workload.optimizers import AdaGrad, Adam, Ftrl, Optimizer, Sgd
from wideload.harness.workload.workload import Workload

__all__ = ["AdaGrad", "Adam", "Ftrl", "Model", "Optimizer", "Sgd", "Workload"]
