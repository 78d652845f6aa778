"""``tf_parameter_server``: TensorFlow's own ParameterServerStrategy, started by ``mpirun`` like the others.

::

    rank 0    worker 0, parameter server 0, and the coordinator      rank 1    worker 1, parameter server 1      ...

    a rank's step ──mailbox──► the worker's closure: gather rows ─► model ─► update rows      (TensorFlow's gRPC)
                  ◄─mailbox──  loss, times                 ▲                     │
                                                parameter servers: shards of every table and of the tower

``coordinator``  traces one function, creates the variables, and keeps two closures a worker scheduled
                 (:mod:`~wideload.strategies.tf_parameter_server.pump`)
``worker``       runs closures; each takes a batch from its rank's mailbox and waits there until there is one
                 (:mod:`~wideload.strategies.tf_parameter_server.mailbox`)
``ps``           holds every ``ranks``-th row of every table and a piece of the tower's vector, with optimizer state
                 (:mod:`~wideload.strategies.tf_parameter_server.shards`)

It is asynchronous by nature: a worker's update is applied as soon as it is there, whatever the others do. So its losses
are meant to differ from the reference's, and parity is not judged; on one rank it does what ``local`` does.
"""
