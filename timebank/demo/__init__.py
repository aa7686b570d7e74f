"""The demo world: communities D and A of district X, 24 months of service days up to today.

Everything is made by the same rules as in real use, with the clock set to the day it happened;
nothing is inserted by hand. The facts of the two communities (the 9th of every month, what
merchants offer, teams and tasks) come from two published papers on community work; every name of a
person is invented.
"""
