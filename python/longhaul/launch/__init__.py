"""Starts a program that was shipped with its run: `python -m longhaul.launch --code URI -- python train.py`.

Pure Python 3.9 and newer, and nothing but the SDK: it runs in images that were not built for it.
"""
