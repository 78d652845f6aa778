"""``tf_parameter_server``: TensorFlow's own ParameterServerStrategy, started by ``mpirun`` like the others.

::

    rank 0    worker 0, parameter server 0, and the coordinator      rank 1    worker 1, parameter server 1      ...

    a rank's step ──mailbox──► the worker's closure: gather rows ─► model ─► update rows      (TensorFlow's gRPC)
                  ◄─mailbox──  loss, times                 ▲                     │
                                                parameter servers: shards of every table and of the tower

``coordinator``  traces one function, creates the variables, and keeps two closures per worker scheduled
                 (:mod:`~wideload.strategies.tf_parameter_server.scheduler`)
``worker``       runs closures; each takes a batch from its rank's mailbox and waits there until one arrives
                 (:mod:`~wideload.strategies.tf_parameter_server.mailbox`)
``ps``           holds every ``ranks``-th row of every table and a piece of the tower's vector, with optimizer state
                 (:mod:`~wideload.strategies.tf_parameter_server.shards`)

The strategy is asynchronous by nature: a worker's update is applied as soon as it arrives, whatever the others do. So
its losses are expected to differ from the reference's, and parity is not judged. On one rank it computes what ``local``
does.
"""
