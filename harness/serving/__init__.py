"""Trained models for others to use: TensorFlow SavedModels that need nothing of wideload.

::

    OUT/serving.json              what is here: tables, slots, inputs, and what an absent sign stands for
    OUT/model/                    the SavedModel
    OUT/dictionary/TABLE.parquet  look-up outside: sign -> row

    inside     the SavedModel holds the rows:   raw fields ──► signs ──► rows ──► probability        signature "raw"
                                                signs of a batch ──────► rows ──► probability        signature "signs"
    outside    the SavedModel is the tower:     rows of a batch ──► probability                      signature "rows"
               rows come from the dictionary; of signs that it lacks, from the signatures "absent_0", ...

Everything is plain TensorFlow, so a server without wideload loads it. Probabilities are those of ``Trainer.predict``,
to float rounding.

=================  ==========================================================
:mod:`.weights`    the weights of a checkpoint, whichever strategy wrote it
:mod:`.lookup`     from signs to rows, in graph
:mod:`.raw`        from raw values to signs, in graph
:mod:`.modules`    the two kinds of SavedModel
:mod:`.export`     the folder
:mod:`.quality`    what fewer bits do to AUC
=================  ==========================================================
"""
