"""define -> launch -> measure -> record. Nothing here knows a strategy by name, and nothing plots.

A package imports only packages below it::

    tools        programs about the instrument itself: calibration, bandwidth, two hosts, the CLI reference
    cli          the commands
    sweep        an experiment -> jobs -> records
    rank         inside one rank: feed -> trainer -> outcome
    serving      a checkpoint -> SavedModel
    job          one supervised mpirun job and its files
    checkpoints  state on disk, complete or absent
    model        a batch -> loss and gradients
    contract     what a strategy promises
    features     columns + schema -> batches
    experiment   what to measure
    analysis     what records allow to conclude
    workload     what is trained, as frozen data
    records      what is kept
    cluster      a rank's view of the job
"""
